# Everything sets itself up: a Python >= 3.11 and a C compiler are enough.
#
#   make demo      train a network on real data with dropout, see what it does
#   make test      lint and run all tests
#   make plugins   build the plugins of this repository and install them
#   make bench-report   measure, and write bench/RESULTS.md with its plots
#   make check     test, and count instructions under valgrind
#   make check-large   arrays of more than 2^31 elements
#
# Installs are not editable: what is tested is what is shipped.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCE := $(shell find src -type f -not -path '*/__pycache__/*') meson.build pyproject.toml README.md LICENSE

# Compiled modules, whose stubs are held to them.
COMPILED := $(subst /,.,$(patsubst src/%.pyi,%,$(shell find src -name '*.pyi')))

PEERS := numba torch==2.13.0 jax onnxruntime onnx mlx[cpu] tensorflow-cpu

PLUGINS := $(addprefix ./,$(wildcard plugins/dropcore-*))
PLUGIN_SOURCE := $(shell find plugins -type f -name '*.py' -o -name '*.pyx' -o -name '*.toml')

# Two threads of BLAS in each of several processes only wait for each other.
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint pytest plugins test-plugins bench bench-report check check-large clean

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

# The plugins in this repository are built against the core's wheel, as anyone's would be.
dist/wheel.stamp: $(SOURCE) constraints.txt | $(BIN)/python
	rm -f dist/dropcore-*.whl
	$(PIP) wheel --no-deps --wheel-dir dist .
	@touch $@

$(VENV)/plugins.stamp: dist/wheel.stamp $(PLUGIN_SOURCE) | $(BIN)/python
	PIP_FIND_LINKS=dist $(PIP) install --constraint constraints.txt $(PLUGINS)
	@touch $@

demo: $(VENV)/demo.stamp
	$(BIN)/dropcore experiment rates

test: lint pytest test-plugins

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy -p dropcore
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src plugins  # it calls pycodestyle
	$(BIN)/python -m mypy.stubtest $(COMPILED) --allowlist stubtest-allowlist.txt

pytest: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m 'not large'

plugins: $(VENV)/plugins.stamp
	$(BIN)/dropcore plugins

# In an environment of its own: the core's tests with all plugins present, then each plugin's.
test-plugins: dist/wheel.stamp
	rm -rf $(VENV)-plugins
	$(BIN)/python -m venv $(VENV)-plugins
	PIP_FIND_LINKS=dist $(VENV)-plugins/bin/python -m pip --disable-pip-version-check --quiet \
	    install --constraint constraints.txt "$$(ls dist/dropcore-*.whl)[experiments,test]" $(PLUGINS)
	$(VENV)-plugins/bin/python -m pytest -m 'not large'
	for plugin in $(PLUGINS); do \
	    (cd $$plugin && $(CURDIR)/$(VENV)-plugins/bin/python -m pytest) || exit 1; \
	done

# The measurements of bench/, with as many peers as can be installed.
$(VENV)/bench.stamp: dist/wheel.stamp $(PLUGIN_SOURCE) constraints.txt | $(BIN)/python
	PIP_FIND_LINKS=dist $(PIP) install --constraint constraints.txt '.[bench]' $(PLUGINS)
	for peer in $(PEERS); do \
	    $(PIP) install --constraint constraints.txt "$$peer" || echo "absent: $$peer"; \
	done
	@touch $@

bench: $(VENV)/bench.stamp
	$(BIN)/python bench/run.py

bench-report: bench
	$(BIN)/python bench/report.py

# What `test` does not: instruction counts, under valgrind.
check: test
	$(BIN)/python bench/instructions.py --allow-missing

check-large: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m large

clean:
	rm -rf $(VENV) $(VENV)-plugins build dist out
