# Two commands set everything up on a fresh machine: `make demo` runs the main job, `make test` the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test test-slow test-all lint docs clean

# torch first, alone: pip then keeps that build when the rest is resolved.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt torch
	$(PIP) install -q -c constraints.txt -e .
	touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[test]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/mithra demo --out demo-out

test: $(VENV)/.test-installed
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.test-installed
	$(BIN)/python -m pytest -m slow
	$(if $(wildcard notebooks/*.ipynb),$(BIN)/python -m pytest --nbmake --nbmake-timeout=900 notebooks)

test-all: test test-slow

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.test-installed
	$(BIN)/sphinx-build -q -W -b html docs docs/_build

clean:
	rm -rf $(VENV) demo-out docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
