PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests run on every core, one thread a worker: two busy OpenMP threads on a shared core are far slower than one.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest --numprocesses auto --dist loadfile

.PHONY: demo test test-long check format benchmarks docs wheel clean

demo: $(VENV)/.demo                ## train a denoiser on embedded photographs, evaluate it, report
	$(BIN)/darkroom demo

test: $(VENV)/.dev                 ## run the tests in their short form, one worker a core
	$(PYTEST) -m "not long" $(ARGS)

test-long: $(VENV)/.dev            ## run every test, also the long ones
	$(PYTEST) $(ARGS)

check: $(VENV)/.dev                ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(VENV)/.dev           ## ratios, side by side, in one run
	$(BIN)/python -m benchmarks

docs: $(VENV)/.dev                 ## the documentation site, in site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

wheel: $(VENV)/bin/python          ## the package, in dist/
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[classical,bm3d]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bm3d]'
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
