"""Whatever reads what a peer or a user's file wrote, held against anything.

A target is a module of `targets/`: what it reads, and what must hold whatever it is given. `ci/fuzz` runs
all of them under sanitizers, guided by coverage; `test_kept_inputs.py` runs each once over the inputs that
are kept in `corpus/`, without either.
"""
