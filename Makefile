# Every target installs what it needs into .venv first. Nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo run test check bench simulate ordeal fuzz regen clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/base: pyproject.toml
	@echo "==> installing tidegate into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || ($(PYTHON) -m pip install -q virtualenv && $(PYTHON) -m virtualenv -q $(VENV))
	@$(BIN)/python -m pip install -q -e . boto3
	@touch $@

$(VENV)/dev: pyproject.toml
	@echo "==> installing tidegate and its development tools into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || ($(PYTHON) -m pip install -q virtualenv && $(PYTHON) -m virtualenv -q $(VENV))
	@$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@ $(VENV)/base

demo: $(VENV)/base ## Roll a job template out to a fleet of simulated devices, on loopback
	@$(BIN)/tidegate demo

run: $(VENV)/base ## Start a server on loopback (Ctrl-C stops it)
	@$(BIN)/tidegate serve

test: check ## Check the code and run every test
	@$(BIN)/python -m pytest

check: $(VENV)/dev ## Lint, format, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/dev ## Measure against baselines in the same run (minutes)
	@$(BIN)/python -m bench

simulate: $(VENV)/dev ## Simulate ten thousand device-days; SEED=n runs one seed again
	@$(BIN)/python -m tools.simulate $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS))

ordeal: $(VENV)/dev ## Let things go wrong beside a working fleet and print who noticed; NAMES="a b" for some
	@$(BIN)/python -m tools.ordeal $(NAMES)

fuzz: $(VENV)/dev ## Send operations a thousand requests each, and MQTT bytes for SECONDS, from sensible to hostile
	@TIDEGATE_FUZZ_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest tests/fuzz
	@$(BIN)/python -m pip install -q -e '.[fuzz]'
	@for target in codec session; do $(BIN)/python -m tools.fuzz $$target --seconds $(or $(SECONDS),60) || exit 1; done

regen: $(VENV)/dev ## Rewrite generated files: wire modules, docs/parity.md, docs/lifecycle.md
	@$(BIN)/python -m tools.regen

clean: ## Remove the local environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .demo
