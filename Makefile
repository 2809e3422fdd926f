PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One thread a process in tests; two busy OpenMP threads on a shared machine can be far slower than one.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test check format benchmarks clean

demo: $(VENV)/.demo                ## train a denoiser on embedded photographs, judge it, report
	$(BIN)/darkroom demo

test: $(VENV)/.dev                 ## run every test
	$(ONE_THREAD) $(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev                ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(ONE_THREAD) $(BIN)/python -m pytest $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(VENV)/.dev           ## ratios, side by side, in one run
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bm3d]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bm3d]'
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
