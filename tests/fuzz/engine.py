"""One target under atheris: ``python -m tests.fuzz.engine NAME [OPTION OF LIBFUZZER…]``.

`ci/fuzz` starts it, with the sanitizers loaded.
"""

from __future__ import annotations

import sys

import atheris

from tests.fuzz.targets import load


def main() -> None:
    name = sys.argv[1]
    with atheris.instrument_imports(include=["fastphx"]):
        target = load(name)
    # When it merges inputs, libFuzzer starts itself again with the shell.
    command = f"{sys.executable} -m tests.fuzz.engine {name}"
    atheris.Setup([command, *sys.argv[2:]], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
