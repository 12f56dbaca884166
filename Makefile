# `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-conformance test-all lint types coverage docs wheel clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("mimic needs Python 3.11 or newer; say make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]' --constraint constraints.txt
	touch $@

demo: install
	$(BIN)/mimic run examples/demo.toml --out demo

test: install
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow and not conformance"

test-conformance: install
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "conformance and not slow"

test-all: install
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n 2 --dist loadscope

lint: install
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

coverage: install
	COVERAGE_CORE=$$($(BIN)/python -c "import sys; print('sysmon' if sys.version_info >= (3, 12) else 'ctrace')") $(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow and not conformance" --cov --cov-report=term --cov-report=html

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: install
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) demo build dist site htmlcov .coverage*
