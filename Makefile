# Everything sets itself up: a Python >= 3.11 and a C compiler are enough.
#
#   make demo      train a network on real data with dropout, see what it does
#   make test      lint and run all tests
#   make check-large   arrays of more than 2^31 elements
#
# Installs are not editable: what is tested is what is shipped.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCE := $(shell find src -type f -not -path '*/__pycache__/*') meson.build pyproject.toml README.md LICENSE

.DEFAULT_GOAL := help
.PHONY: help demo test lint pytest check-large clean

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, PYTHON=... chooses one" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# One stamp a set of extras; the package is built anew when a source file changes.
$(VENV)/demo.stamp: $(SOURCE) constraints.txt | $(BIN)/python
	$(PIP) install --constraint constraints.txt '.[experiments]'
	@touch $@

$(VENV)/test.stamp: $(SOURCE) constraints.txt | $(BIN)/python
	$(PIP) install --constraint constraints.txt '.[experiments,test]' cython-lint mypy pycodestyle ruff
	@touch $@ $(VENV)/demo.stamp

demo: $(VENV)/demo.stamp
	$(BIN)/dropcore experiment rates

test: lint pytest

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy -p dropcore
	$(BIN)/cython-lint src
	$(BIN)/python -m mypy.stubtest dropcore --allowlist stubtest-allowlist.txt

pytest: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m 'not large'

check-large: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m large

clean:
	rm -rf $(VENV) build dist out
