# Everything sets itself up: a Python >= 3.11 and a C compiler are enough.
#
#   make demo      train networks on real data, with and without dropout
#   make lab       open a page in the browser: build a network, train it, see its masks
#   make test-quick   run the tests of masks, gradients, variants and errors: two minutes
#   make test      lint, and test the core, the experiments and the variants: ten minutes
#   make lint      check style and types
#   make docs      build the documentation as a site, in out/docs
#   make coverage  list the lines that no test runs
#   make wheel     build the core's wheel in dist; all packages of this repository install this wheel
#   make plugins   build and install the packages with variants, in plugins/variants
#   make bench     measure the speed: about ten minutes, or two with QUICK=1
#   make bench-results   measure the speed, and write bench/RESULTS.md with its plots
#   make bench-compilers   compare the kernels of GCC and Clang, and write bench/COMPILERS.md
#   make interface   generate the compiled interface from tools/interface.py
#   make check     run `make test`, and count instructions under valgrind
#   make check-large   test arrays of more than 2^31 elements
#   make check-random   test the mask stream for randomness: five minutes, or an hour with HOUR=1
#   make check-soak   test with threads, forks and signals for five minutes; SOAK=3600: for an hour
#   make check-mutants   plant faults and see whether the tests find each fault; FAULTS='decide.*' selects faults
#   make test-peers   compare the autograd engine with PyTorch
#   make test-frameworks   test the packages for PyTorch, JAX, Keras and HIPS autograd
#   make test-reach   test that workers of Dask, and ranks of PyTorch, make one mask
#   make test-lab   test the Lab's server and page, also in a browser; needs chromium, node and npm
#   make bench-lab   measure how fast the Lab trains
#   make check-lab-soak   test the Lab for half an hour; LAB_SOAK=600: for 600 seconds
#   make audit     look up known vulnerabilities of the pinned packages, in the index of Python packages
#   make release-wheel   build a wheel like a release: with pinned tools and a bill of materials
#   make check-fuzz   run the fuzz targets under the address sanitizer, a million times each, or RUNS=...; needs clang
#   make check-sanitize check-threads check-debug   build and test with sanitizers, or with Cython's checks
#   make check-engines   test the examples for C, Cython, Rust, cffi and numba whose compilers are installed
#   make check-plain   test the kernels without vector types, as compilers other than GCC and Clang build them
#   make check-pythons check-free-threading check-clang check-foreign   build and test for other platforms
#   make clean     delete all that these commands have built and installed here
#
# docs/platforms.md has details of the sanitizers and of other platforms.
#
# Installs are not editable, so the tests run against the package as users get it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DIST   := dist
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --constraint constraints.txt --find-links $(DIST)
SOURCE := $(shell find src -type f -not -path '*/__pycache__/*') meson.build meson.options pyproject.toml README.md LICENSE

# Compiled modules; stubtest compares their stubs with them.
COMPILED := $(subst /,.,$(patsubst src/%.pyi,%,$(shell find src -name '*.pyi')))

PEERS := numba torch==2.13.0 jax onnxruntime onnx mlx[cpu] tensorflow-cpu

# The packages with variants, and the packages for frameworks.
PLUGINS := $(addprefix ./plugins/variants/dropcore-,dropblock droppath exactcount gaussian zoneout)
FRAMEWORKS ?= torch jax keras hips
LAB := ./plugins/dropcore-lab
LAB_SOURCE := $(shell find $(LAB) -type f -not -path '*/__pycache__/*' -not -path '*/node_modules/*')
PLUGIN_SOURCE := $(shell find $(PLUGINS) -type f -name '*.py' -o -name '*.pyx' -o -name '*.toml')

# pip builds a package in the package's folder. setuptools would keep deleted modules there.
FORGET_BUILDS = rm -rf $(addsuffix /build,$(PLUGINS)) $(addsuffix /src/*.egg-info,$(PLUGINS))

comma := ,
space := $(subst ,, )

# Prefer an older release with a wheel to a newer release without a wheel.
export PIP_PREFER_BINARY = 1

# With several processes, more than one BLAS thread in each makes all of them slower.
export OPENBLAS_NUM_THREADS ?= 1

# Prints the next step, if the step is silent or long.
SAY := @printf '\n== %s\n'

.DEFAULT_GOAL := help
.PHONY: help demo wheel lab test-lab bench-lab check-lab-soak test test-quick lint lint-text lint-types docs interface pytest plugins test-plugins test-peers test-frameworks test-reach bench \
    bench-results bench-compilers coverage check check-random check-soak check-mutants check-fuzz check-large check-sanitize check-threads check-debug check-plain check-engines check-pythons \
    check-free-threading check-clang check-foreign audit release-wheel build-requirements clean

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, PYTHON=... chooses one" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# The core is built once, as a wheel. Every environment of this Makefile installs this wheel, and the
# packages under plugins/ are built against the wheel, like packages of other authors.
$(DIST)/wheel.stamp: $(SOURCE) constraints.txt | $(BIN)/python
	$(SAY) 'Building the wheel of the core, in $(DIST): about two minutes. An interrupted build begins again'
	rm -f $(DIST)/dropcore-*.whl
	$(BIN)/python tools/with_progress.py \
	    $(BIN)/python -m pip --disable-pip-version-check --verbose wheel --no-deps --wheel-dir $(DIST) .
	@touch $@

wheel: $(DIST)/wheel.stamp
	@ls $(DIST)/dropcore-*.whl
	@echo 'In any environment of this Python: pip install $(DIST)/dropcore-*.whl'
	@echo 'If the environment already has dropcore: pip install --no-deps --force-reinstall $(DIST)/dropcore-*.whl'
	@echo 'Packages of plugins/: pip install --find-links $(DIST) ./plugins/variants/dropcore-zoneout'

# Without --force-reinstall, pip does not install a wheel of the installed version.
$(VENV)/core.stamp: $(DIST)/wheel.stamp
	$(PIP) install --no-deps --force-reinstall $(DIST)/dropcore-*.whl
	@touch $@

# One stamp for each set of extras.
$(VENV)/demo.stamp: $(VENV)/core.stamp $(LAB_SOURCE)
	$(SAY) 'Installing what the demo needs: about a minute'
	$(INSTALL) dropcore '$(LAB)[experiments]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/core.stamp $(LAB_SOURCE)
	$(SAY) 'Installing what the tests need: about a minute'
	$(INSTALL) 'dropcore[test]' '$(LAB)[experiments,test]' mypy pyright
	@touch $@ $(VENV)/demo.stamp

$(VENV)/plugins.stamp: $(VENV)/core.stamp $(PLUGIN_SOURCE)
	$(SAY) 'Building the plugins and installing them'
	$(FORGET_BUILDS)
	$(INSTALL) $(PLUGINS)
	@touch $@

demo: $(VENV)/demo.stamp
	$(SAY) 'Training networks on handwritten digits: about half a minute'
	$(BIN)/dropcore experiment rates

lab: $(VENV)/demo.stamp
	$(BIN)/dropcore lab

test: lint pytest test-plugins

# The tests that find most mistakes in a short time.
QUICK_TESTS := $(addprefix tests/,test_golden.py test_mask.py test_stream.py test_functional.py \
    test_layouts.py test_bad_calls.py test_hard_cases.py test_plugins.py test_structure.py variants adapters \
    autograd/test_gradients.py autograd/test_nn.py)

test-quick: $(VENV)/test.stamp
	$(SAY) 'A part of the tests of the core: at most two minutes'
	$(BIN)/python -m pytest -q -m 'not large' $(QUICK_TESTS)

lint: lint-text lint-types

# Checks the style, and the syntax of files that do not run here, such as workflows. Builds nothing.
lint-text: $(VENV)/lint.stamp
	$(SAY) 'Checking the style, and the syntax of workflows and forms'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src plugins examples bench  # it calls pycodestyle
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*))
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/python tools/mutants/check.py --anchors

$(VENV)/lint.stamp: constraints.txt | $(BIN)/python
	$(SAY) 'Installing the tools that check the style'
	$(PIP) install --constraint constraints.txt check-jsonschema cython-lint pycodestyle ruff
	@touch $@

# Checks types, and compares the stubs of the compiled modules with the installed package. Of the
# packages for frameworks, only dropcore-hips is checked, because it needs no installed framework.
TYPED_PLUGINS := $(notdir $(filter-out %.egg-info,$(wildcard \
    plugins/variants/*/src/dropcore_* plugins/frameworks/dropcore-hips/src/dropcore_*)))

lint-types: $(VENV)/test.stamp
	$(SAY) 'Checking types and stubs: about a minute'
	MYPYPATH=$(subst $(space),:,$(wildcard plugins/variants/*/src plugins/frameworks/*/src)) $(BIN)/python -m mypy \
	    -p dropcore -p dropcore_lab $(TYPED_PLUGINS:%=-p %)
	$(BIN)/python -m mypy.stubtest $(COMPILED) --allowlist stubtest-allowlist.txt

# The pages of docs/ and the docstrings. A warning is an error: a link without a target, a
# docstring that numpydoc cannot read.
docs: $(VENV)/test.stamp
	$(PIP) install --constraint constraints.txt furo myst-parser numpydoc sphinx
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs

# A test fails if the generated files are not up to date.
interface:
	$(PYTHON) tools/write_interface.py

pytest: $(VENV)/test.stamp
	$(SAY) 'Testing the core: some minutes'
	$(BIN)/python -m pytest -m 'not large'
	$(SAY) 'Testing the experiments of dropcore-lab: some minutes'
	cd $(LAB) && $(CURDIR)/$(BIN)/python -m pytest tests/experiments

plugins: $(VENV)/plugins.stamp
	$(BIN)/dropcore plugins

# Installs the core's wheel and $(2) in an environment of its own, $(1).
define wheel_environment
$(FORGET_BUILDS)
rm -rf $(VENV)-$(1)
$(BIN)/python -m venv $(VENV)-$(1)
$(VENV)-$(1)/bin/python -m pip --disable-pip-version-check --quiet install \
    --constraint constraints.txt --find-links $(DIST) "$$(ls $(DIST)/dropcore-*.whl)[test]" $(2)
endef

# In an environment of its own: the core's tests with all plugins installed, then the tests of each plugin.
test-plugins: $(DIST)/wheel.stamp
	$(SAY) 'Installing the wheel and the plugins in an environment of their own'
	$(call wheel_environment,plugins,$(PLUGINS))
	$(SAY) 'Testing the core once more, with the variants of the plugins: some minutes'
	$(VENV)-plugins/bin/python -m pytest -m 'not large'
	$(SAY) 'Testing each plugin'
	for plugin in $(PLUGINS); do \
	    (cd $$plugin && $(CURDIR)/$(VENV)-plugins/bin/python -m pytest) || exit 1; \
	done

test-peers: $(DIST)/wheel.stamp
	$(call wheel_environment,peers,torch)
	$(VENV)-peers/bin/python -m pytest tests/autograd/test_against_torch.py

# The Keras layers use the package for PyTorch or for JAX, so the tests of dropcore-keras run with each.
KERAS_BACKENDS := $(if $(filter keras,$(FRAMEWORKS)),torch jax)

test-frameworks: $(DIST)/wheel.stamp
	$(call wheel_environment,frameworks,$(PLUGINS) \
	    $(patsubst %,"./plugins/frameworks/dropcore-%[test]",$(sort $(FRAMEWORKS) $(KERAS_BACKENDS))))
	for name in $(filter-out keras,$(FRAMEWORKS)); do \
	    (cd plugins/frameworks/dropcore-$$name && \
	        $(CURDIR)/$(VENV)-frameworks/bin/python -m pytest --ignore tests/ranks) || exit 1; \
	done
	for backend in $(KERAS_BACKENDS); do \
	    (cd plugins/frameworks/dropcore-keras && KERAS_BACKEND=$$backend \
	        $(CURDIR)/$(VENV)-frameworks/bin/python -m pytest) || exit 1; \
	done

# The tests that start and stop worker processes. Of dropcore-torch, only the tests of ranks run here;
# test-frameworks runs the other tests of dropcore-torch.
test-reach: $(DIST)/wheel.stamp
	$(SAY) 'Installing the packages for many machines, with their engines: two minutes'
	$(call wheel_environment,reach,$(PLUGINS) './plugins/frameworks/dropcore-dask[test]' ./plugins/frameworks/dropcore-torch scikit-learn)
	$(SAY) 'Testing the packages for many machines: three minutes'
	cd plugins/frameworks/dropcore-dask && $(CURDIR)/$(VENV)-reach/bin/python -m pytest
	cd plugins/frameworks/dropcore-torch && $(CURDIR)/$(VENV)-reach/bin/python -m pytest tests/ranks

# The page's bundle must match the sources of the page. A missing browser is a failure.
LAB_TOOLS := chromium node npm

test-lab: $(VENV)-lab/stamp
	@for tool in $(LAB_TOOLS); do command -v $$tool > /dev/null || { echo "$$tool is missing"; exit 1; }; done
	cd $(LAB)/frontend && npm ci --silent && npm run --silent check && npm test --silent && npm run --silent build -- --check
	cd $(LAB) && $(CURDIR)/$(VENV)-lab/bin/python -m pytest --ignore tests/experiments --ignore tests/browser
	cd $(LAB) && $(CURDIR)/$(VENV)-lab/bin/python -m pytest tests/browser  # apart: Playwright's event loop does not end

$(VENV)-lab/stamp: $(DIST)/wheel.stamp $(LAB_SOURCE) $(PLUGIN_SOURCE)
	$(call wheel_environment,lab,$(PLUGINS) '$(LAB)[experiments$(comma)notebook$(comma)test$(comma)browser]')
	@touch $@

bench-lab: $(VENV)-lab/stamp
	$(VENV)-lab/bin/python $(LAB)/bench.py

LAB_SOAK ?= 1800

check-lab-soak: $(VENV)-lab/stamp
	$(VENV)-lab/bin/python $(LAB)/soak.py $(LAB_SOAK)

# Builds the core with the meson arguments $(2), and installs it and $(3) in a separate environment, $(1).
define built_environment
rm -rf $(VENV)-$(1)
$(PYTHON) -m venv $(VENV)-$(1)
$(VENV)-$(1)/bin/python -m pip --disable-pip-version-check --quiet install \
    --constraint constraints.txt $(patsubst %,--config-settings=setup-args=%,$(2)) $(3)
endef

# The requirements of bench/, and the peers: the other packages with dropout that can be installed.
$(VENV)/bench.stamp: $(VENV)/core.stamp $(PLUGIN_SOURCE)
	$(SAY) 'Installing other packages with dropout, to compare the speed: some minutes, and 7 GB'
	$(INSTALL) 'dropcore[bench]' $(PLUGINS)
	for peer in $(PEERS); do \
	    $(INSTALL) "$$peer" || echo "absent: $$peer"; \
	done
	@touch $@

bench: $(VENV)/bench.stamp
	$(BIN)/python bench/run.py $(if $(QUICK),--quick)

bench-results: bench
	$(BIN)/python bench/write_results.py

# The kernels of each compiler, with one environment for each compiler.
COMPILERS ?= gcc clang

bench-compilers: $(COMPILERS:%=bench-with-%)
	$(VENV)-$(firstword $(COMPILERS))/bin/python bench/compilers.py $(COMPILERS)

bench-with-%: export CC = $*
bench-with-%:
	$(call built_environment,$*,,'.[bench]')
	$(VENV)-$*/bin/python bench/run.py --only kernels --results .benchmarks/$*

# The tests, and instruction counts under valgrind.
check: test
	$(BIN)/python bench/instructions.py --allow-missing

# dieharder and ent are Debian packages.
check-random: $(VENV)/test.stamp
	$(BIN)/python tools/randomness/check.py $(if $(HOUR),--hour)

# The seconds that the check takes.
SOAK ?= 300

check-soak: $(VENV)/test.stamp $(VENV)/plugins.stamp
	$(BIN)/python tools/soak.py $(SOAK)

# The environment is made once; the core is built and installed there again for each fault.
$(VENV)-mutants/stamp: | $(if $(wildcard $(VENV)-mutants/stamp),,$(DIST)/wheel.stamp)
	$(call wheel_environment,mutants,$(PLUGINS) './plugins/frameworks/dropcore-torch[test]' meson ninja)
	@touch $@

check-mutants: $(VENV)-mutants/stamp
	$(VENV)-mutants/bin/python tools/mutants/check.py $(if $(ANEW),--anew) $(FAULTS)

check-large: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m large

# ------------------------------------------------------- other builds, other platforms
#
# TESTS selects the tests that these targets run: `make check-sanitize TESTS=tests/test_mask.py`.

TESTS ?= tests
PYTHONS ?= python3.11 python3.12 python3.13
ARCH ?= s390x

SANITIZE := -Dbuildtype=debugoptimized -Db_lundef=false -Dc_args=-fno-sanitize-recover=undefined
ADDRESS  := $(SANITIZE) -Db_sanitize=address,undefined
CHECKED  := -Dbuildtype=debug -Doptimization=1 -Db_ndebug=false -Dchecks=true

# The sanitizer does not look for leaks, because an interpreter does not free all memory at its end.
# tests/test_memory.py looks for leaks in other builds; the sanitizer delays the release of memory. If a
# request is larger than the memory, malloc must return NULL, because the tests expect MemoryError.
check-sanitize:
	$(call built_environment,sanitize,$(ADDRESS),'.[test]')
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	PYTHONMALLOC=malloc $(VENV)-sanitize/bin/python -m pytest -m 'not large' \
	    --deselect tests/test_memory.py::test_calls_leak_nothing $(TESTS)

# Clang's sanitizer and coverage counters. The fuzzer, atheris, contains the library that reads the
# counters.
FUZZED := -Dbuildtype=debugoptimized -Db_lundef=false -Dc_args=-fsanitize=address$(comma)fuzzer-no-link
RUNS ?= 1000000

check-fuzz: export CC = $(if $(shell command -v ccache),ccache )clang
check-fuzz:
	$(call built_environment,fuzz,$(FUZZED),. ml_dtypes atheris)
	$(VENV)-fuzz/bin/python tools/fuzz/check.py $(RUNS)

# The sanitizer finds most races if PYTHON is built with --disable-gil and --with-thread-sanitizer;
# with a GIL, only kernels run at the same time. The sanitizer does not support a fork of a process
# with several threads. Another Python runs Cython, because PYTHON would need half an hour for it.
check-threads: export TSAN_OPTIONS = report_bugs=0
check-threads: export CYTHON = $(CURDIR)/$(BIN)/cython
check-threads: TESTS = tests/test_many_threads.py
check-threads: $(VENV)/test.stamp
	$(call built_environment,threads,$(SANITIZE) -Db_sanitize=thread,. pytest)
	LD_PRELOAD="$$(gcc -print-file-name=libtsan.so)" \
	TSAN_OPTIONS="halt_on_error=1 die_after_fork=0 suppressions=tools/thread-sanitizer.txt" \
	$(VENV)-threads/bin/python -m pytest -m 'not large' $(TESTS)

check-debug:
	$(call built_environment,debug,$(CHECKED),'.[test]')
	$(VENV)-debug/bin/python -m pytest -m 'not large' $(TESTS)

check-plain:
	$(call built_environment,plain,-Dc_args=-DDROPCORE_PLAIN,'.[test]')
	$(VENV)-plain/bin/python -m pytest -m 'not large' $(TESTS)

# The interfaces for engines in other languages. pytest lists tests that are skipped because a compiler
# is missing.
check-engines: $(VENV)/test.stamp
	$(BIN)/python -m pytest -rs tests/engines tests/core

# Lines that no test runs: coverage.py counts lines of Python. gcov counts lines of Cython, which the
# generated C names. Below -O1 the compiler inlines nothing, so each line has a count.
COVERED := build/coverage
coverage:
	rm -rf $(VENV)-coverage $(COVERED)
	$(PYTHON) -m venv $(VENV)-coverage
	$(VENV)-coverage/bin/python -m pip --disable-pip-version-check --quiet install \
	    --constraint constraints.txt --config-settings=build-dir=$(COVERED) \
	    --config-settings=setup-args=-Dbuildtype=debug --config-settings=setup-args=-Db_coverage=true \
	    '.[test]' coverage
	$(VENV)-coverage/bin/python -m coverage run --branch --source dropcore -m pytest -m 'not large' $(TESTS)
	$(VENV)-coverage/bin/python -m coverage report --skip-covered --show-missing
	$(VENV)-coverage/bin/python tools/uncovered.py $(COVERED)

check-pythons:
	tools/check-pythons.sh $(PYTHONS)

# The first run builds a free-threaded Python from Debian's sources.
check-free-threading:
	test -x out/free-threaded/bin/python3 || tools/build-free-threaded.sh out/free-threaded
	PYTHON_GIL=0 tools/check-pythons.sh out/free-threaded/bin/python3

check-clang:
	CC=clang $(MAKE) VENV=$(VENV)-clang DIST=$(VENV)-clang/dist pytest

# Runs in an emulated Debian of the architecture ARCH.
check-foreign:
	tools/check-foreign.sh $(ARCH)

# ----------------------------------------------------------------- the supply chain

PINNED := tools/release/build-requirements

$(VENV)-audit/stamp: | $(BIN)/python
	$(BIN)/python -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check --quiet install pip-audit pip-tools
	@touch $@

audit: $(VENV)-audit/stamp
	$(VENV)-audit/bin/python tools/release/audit.py constraints.txt $(PINNED).txt

# Pin the build requirements of wheels again; versions in constraints.txt stay the same.
build-requirements: $(VENV)-audit/stamp
	$(VENV)-audit/bin/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links \
	    --no-annotate --no-header --upgrade --constraint constraints.txt --output-file $(PINNED).txt $(PINNED).in

# The environment is outside of the source tree, because Meson refuses headers of NumPy within it.
release-wheel: | $(BIN)/python
	rm -rf out/release
	set -e; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	$(BIN)/python -m venv "$$place"; PATH="$$place/bin:$$PATH"; \
	python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $(PINNED).txt; \
	python -m build --wheel --no-isolation --outdir out/release; \
	python tools/release/sbom.py out/release

clean:
	rm -rf $(VENV) $(VENV)-* build dist out .mesonpy-*
