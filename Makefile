# Every target sets up what it needs: Python 3.11 with pip is enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY) ## a virtual environment in .venv with the tested versions

# Compiled once here, so that not every worker process compiles torch anew.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q -j 2 $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

demo: setup ## ray-cast demo data, build it on two Ray workers, verify it, draw a contact sheet
	test -d demo/data || $(BIN)/vbdata demo-data demo/data
	$(BIN)/vbdata build manifests/demo.yaml --out demo/build --workers 2
	$(BIN)/vbdata verify demo/build
	$(BIN)/vbdata show demo/build --out demo/sheet.png --samples 14

test: check ## everything that CI runs: check, then the tests on two processes
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: setup ## ruff (lint, format) and mypy (strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup ## build the same inputs in several ways and print the ratios
	$(BIN)/python -m benchmarks.compare

clean: ## remove what make demo and make bench wrote
	rm -rf demo bench
