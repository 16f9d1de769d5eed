# Every target sets up what it needs; the second time is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGES := engines targets benchmarks faults runner components __main__.py
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup verify test unit embedded lint format types schemas constraints promtool e2e e2e-full bench-recovery \
	calibrate peers screenshots clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(STAMP) ## Create .venv from the pinned requirements

verify: $(STAMP) ## The main job: checks, TPC-H, load and faults on real engines; writes report/
	$(BIN)/python -m runner all $(ARGS)

test: $(STAMP) ## All tests that need no cluster
	$(BIN)/python -m pytest tests -m 'not cluster' $(ARGS)

unit: $(STAMP) ## Tests that need no engine
	$(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(STAMP) types ## Formatter, linter and type checker, changing nothing
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/ruff check --no-cache .

format: $(STAMP) ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(STAMP) ## Type checker
	$(BIN)/mypy $(PACKAGES) tests

schemas: $(STAMP) ## Write the JSON Schemas that the models generate
	$(BIN)/python -m runner schemas

promtool: $(BIN)/promtool ## What tests the rules, from Debian's package of Prometheus, installing nothing

$(BIN)/promtool: | $(STAMP)
	rm -rf build/promtool && mkdir -p build/promtool
	cd build/promtool && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; }
	dpkg-deb -x build/promtool/prometheus_*.deb build/promtool
	install build/promtool/usr/bin/promtool $@ && rm -rf build/promtool

constraints: ## Pin every package anew (after a change of requirements*.txt)
	rm -rf build/pins && $(PYTHON) -m venv build/pins
	sed 's/^-c .*//' requirements.txt > build/requirements.txt && sed 's/^-c .*//' requirements-dev.txt > build/requirements-dev.txt
	build/pins/bin/pip install --quiet -r build/requirements-dev.txt
	{ head -n 1 constraints.txt; build/pins/bin/pip freeze; } > build/constraints.txt && mv build/constraints.txt constraints.txt

e2e: $(STAMP) ## End to end on the cluster in KUBECONFIG: what every change must pass
	$(BIN)/python -m pytest tests/e2e -m 'not full' $(ARGS)

e2e-full: $(STAMP) ## All of it: every fault, the runner killed at random moments, scaling
	$(BIN)/python -m pytest tests/e2e $(ARGS)

bench-recovery: $(STAMP) ## Recovery of the stack in TARGET against the official chart's settings
	$(BIN)/python -m benchmarks.recovery --target $(or $(TARGET),outputs.json) $(ARGS)

calibrate: $(STAMP) build/calibrate/.installed ## How far off what we measure is, with Locust beside it
	$(BIN)/python -m benchmarks.calibration --locust build/calibrate/bin/python $(ARGS)

# Locust has an environment of its own: nothing of it decides a version here, and make setup stays quick.
build/calibrate/.installed: requirements-calibrate.txt
	@test -x build/calibrate/bin/python || $(PYTHON) -m venv build/calibrate
	build/calibrate/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-calibrate.txt
	@touch $@

peers: $(STAMP) ## Other tools on the same work, each in an environment of its own under build/peers
	$(BIN)/python -m benchmarks.peers $(ARGS)

screenshots: $(STAMP) ## The README's pictures, from the run in RESULTS (report/), in a Chromium on the PATH
	$(BIN)/python -m runner.browser $(or $(RESULTS),report) $(ARGS)

clean: ## Remove what make created here (caches per user stay)
	rm -rf $(VENV) build report .mypy_cache .pytest_cache .ruff_cache
