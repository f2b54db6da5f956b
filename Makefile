# What a machine needs is Python 3.11 or newer, a C compiler and make; the rest is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
COMPILED := $(shell find src -name '*.pyx' -o -name '*.pxd')
CHECKED := src tests ci ci/check_annotations setup.py $(wildcard bench examples)

lacks = $(shell $(PYTHON) ci/check_machine.py 2>/dev/null || printf 'fastphx needs Python 3.11 or newer, and $(PYTHON) does not run: install one, or name it: make PYTHON=python3.11')
check_machine = $(if $(strip $(lacks)),$(error $(strip $(lacks))))

.PHONY: demo test build lint types stubs annotations pytest fuzz autobahn soak coverage conformance package-check wheel docs bench-scale bench bench-e2e gate clean
.DELETE_ON_ERROR:

demo: build
	@$(BIN)/fastphx load

test: lint types stubs annotations pytest

# Four files at a time on two cores: they mostly wait. Those of a file share their load runs. In the order of
# tests/conftest.py: the slow ones are not the last. The tests start a thousand processes: whatever the environment says, Python
# keeps what it has compiled.
pytest: build
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q -p no:benchmark -n 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: build
	@$(BIN)/ruff check --quiet --output-format concise $(CHECKED)
	@$(BIN)/ruff format --check --quiet $(CHECKED)
	@PATH=$(BIN):$$PATH cython-lint src tests/fuzz/exact_frames.pyx

types: build
	@$(BIN)/mypy --strict --no-error-summary src/fastphx ci/imports.py ci/picture.py ci/rooms.py $(wildcard examples)

stubs: build
	@ci/check_stubs

build: .venv/built

annotations: build/annotations/checked

build/annotations/checked: ci/check_annotations ci/hot_functions.toml $(COMPILED) | build
	@$(BIN)/python ci/check_annotations
	@touch $@

# Whatever reads what a peer wrote, under sanitizers, for FUZZ_TIME seconds over all targets.
FUZZ_TIME ?= 600
fuzz: build
	@ci/fuzz $(FUZZ_TIME) $(FUZZ_TARGETS)

# Both WebSockets under Autobahn's test suite; tests/compliance/autobahn.py says how to install it.
autobahn: build
	@$(BIN)/python -m tests.compliance.autobahn '$(WSTEST)' $(CASES) $(if $(FAST),--fast) $(AUTOBAHN_ARGS)

# Slow: lines and branches that the tests reach, of Python and of compiled code.
coverage: build
	@ci/coverage $(TESTS)

# Slow: every part of fastphx for HOURS under churn and faults; fails where memory, files, tasks or timers grow.
soak: build
	@$(BIN)/python -m tests.soak --hours '$(or $(HOURS),1)' $(SOAK_ARGS)

# Against a real Phoenix: PHOENIX=ws://127.0.0.1:4000/socket, and PHOENIX_START="a command" for tests that stop it.
conformance: build
	@PHOENIX='$(PHOENIX)' PHOENIX_START='$(PHOENIX_START)' $(BIN)/python -m pytest -q -p no:benchmark tests/phoenix $(PYTEST_ARGS)

# Slow: installs the last commit from the tree and from its sdist, into empty environments.
package-check:
	$(check_machine)
	@ci/check_package $(PYTHON) $(PYTHONS)

# The site, in build/site: no warning, no link that leads nowhere, and nothing that it loads from elsewhere.
docs: build .venv/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict $(DOCS_ARGS)
	@echo "build/site/index.html"

.venv/docs: pyproject.toml ci/build_requires.py .venv/ready
	@$(BIN)/python ci/build_requires.py docs | tr '\n' '\0' | xargs -0 $(PIP) install
	@touch $@

# Slow: the wheels of the last commit, stripped, looked into, and tried where there is no compiler. They stay in dist/.
wheel:
	$(check_machine)
	@ci/check_wheel $(PYTHON) $(PYTHONS)

# Everything that is installed from elsewhere; with LOCK=ci/locked/check.txt, the very files that it lists.
.venv/ready: pyproject.toml ci/build_requires.py
	$(check_machine)
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; }
	@echo "Installing what fastphx builds and is tested with"
	@$(if $(LOCK),$(PIP) install --require-hashes -r $(LOCK),$(BIN)/python ci/build_requires.py | xargs $(PIP) install)
	@touch $@.running
	@mv $@.running $@

# fastphx itself: editable, compiled beside its sources.
.venv/built: .venv/ready setup.py $(COMPILED)
	$(check_machine)
	@echo "Compiling fastphx"
# A library whose source is gone would be imported in place of a module of Python with its name.
	@for built in $$(find src -name '*.so'); do test -e "$${built%%.*}.pyx" || rm "$$built"; done
	@$(PIP) install --no-build-isolation --editable '.[test,style]'
	@touch $@

# The codec and the session beside their bounds, as a table of ratios.
bench: build
	@$(BIN)/python -m pytest -q bench/micro --benchmark-max-time=0.2 --benchmark-columns=min,median,rounds

# Every target of docs/performance.md, with its figure and spread; writes bench/results/.
bench-e2e: build
	@$(BIN)/python -m pip -qq --disable-pip-version-check install 'websockets>=13'
	@$(BIN)/python bench/e2e.py $(E2E_ARGS)

gate: build
	@ci/gate

# Ninety thousand sockets; not part of the tests.
bench-scale: build
	@$(BIN)/python bench/load_scale.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find src -name '*.so' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
