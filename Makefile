# Every target installs what it needs into .venv first. Nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start Python hundreds of times: with nowhere to keep what is compiled, each compiles everything again.
unexport PYTHONDONTWRITEBYTECODE
# Two a core, eight at most: tests wait for sockets, disks and other programs half of their time.
CORES := $(shell nproc 2>/dev/null || echo 2)
WORKERS ?= $(shell test $(CORES) -lt 4 && expr 2 '*' $(CORES) || echo 8)

.DEFAULT_GOAL := help
.PHONY: help demo run build test compiled coverage check lock bom bench scoreboard simulate ordeal soak kills fuzz regen clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/base: pyproject.toml
	@echo "==> installing tidegate into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || ($(PYTHON) -m pip install -q virtualenv && $(PYTHON) -m virtualenv -q $(VENV))
	@$(BIN)/python -m pip install -q -e '.[forecast]' boto3
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

build: $(VENV)/dev ## Build a wheel into dist/: pure Python, or compiled with TIDEGATE_BUILD=compiled
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t wheel -d dist

test: check ## Check the code and run every test; WORKERS=n, 0 for one process
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Beside the installed one, which is editable and therefore pure; Python takes what PYTHONPATH names first.
$(VENV)/compiled: pyproject.toml hatch_build.py $(shell find src -name '*.py' -o -name '*.sql')
	@echo "==> compiling tidegate into $@"
	@rm -rf $@ $(VENV)/wheel && TIDEGATE_BUILD=compiled $(BIN)/python -m hatchling build -t wheel -d $(VENV)/wheel
	@$(BIN)/python -m zipfile -e $(VENV)/wheel/*.whl $@

COMPILED_TESTS ?= tests

compiled: $(VENV)/dev $(VENV)/compiled ## Run tests in the compiled form; COMPILED_TESTS="tests/wire tests/e2e" for some
	@PYTHONPATH=$(CURDIR)/$(VENV)/compiled $(BIN)/python -c "from tidegate import form; assert form.compiled(), form.text()"
	@PYTHONPATH=$(CURDIR)/$(VENV)/compiled $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(COMPILED_TESTS)

coverage: $(VENV)/dev ## Run every test and print which lines of src none reaches (twice the CPU)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov=tidegate --cov-report=term-missing:skip-covered

check: $(VENV)/dev ## Lint, format, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tools.compiled
	@$(BIN)/bandit -q -r src -c pyproject.toml
	@$(BIN)/python -m tools.audit

lock: $(VENV)/dev ## Choose versions of the runtime again, into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -q -o requirements.lock

bom: $(VENV)/dev ## Write the runtime's bill of materials (CycloneDX 1.6) to bom.json
	@rm -rf $(VENV)/runtime && $(BIN)/python -m venv --without-pip $(VENV)/runtime
	@$(BIN)/python -m pip --python $(VENV)/runtime install -q --require-hashes -r requirements.lock
	@$(BIN)/python -m pip --python $(VENV)/runtime install -q --no-deps .
	@$(BIN)/cyclonedx-py environment --spec-version 1.6 --output-format JSON --pyproject pyproject.toml -o bom.json \
		$(VENV)/runtime
	@echo "==> bom.json"

bench: $(VENV)/dev ## Measure against baselines in the same run (minutes); BASE=commit against that commit, PURE=1 uncompiled
	@$(BIN)/python -m bench $(if $(BASE),--base $(BASE)) $(if $(PURE),--pure)

scoreboard: $(VENV)/dev ## Run the conformance kit against tidegate and its peers, into docs/scoreboard.md
	@$(BIN)/python -m tools.scoreboard

simulate: $(VENV)/dev ## Simulate ten thousand device-days; SEED=n runs one seed again
	@$(BIN)/python -m tools.simulate $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS))

ordeal: $(VENV)/dev ## Let things go wrong beside a working fleet and print who noticed; NAMES="a b" for some
	@$(BIN)/python -m tools.ordeal $(NAMES)

soak: $(VENV)/dev ## Keep a fleet of two hundred at work for MINUTES (60) and print whether the server grows; STORE=postgresql
	@$(BIN)/python -m tools.ordeal soak --minutes $(or $(MINUTES),60) --store $(or $(STORE),sqlite)

kills: $(VENV)/dev ## Send servers SIGKILL under load for ROUNDS (1000), and compare what was acknowledged; STORE=postgresql
	@$(BIN)/python -m tools.ordeal kills --rounds $(or $(ROUNDS),1000) --store $(or $(STORE),sqlite)

# Each parser of strangers' text, and what MQTT keeps of a client.
FUZZED := codec session aws-chunked cbor command cron device-policy device-request fleet-query http1 operator-policy \
	provisioning s3-signature s3-xml sigv4

fuzz: $(VENV)/dev ## Send operations a thousand requests each, and each parser bytes for SECONDS, from sensible to hostile
	@TIDEGATE_FUZZ_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest tests/fuzz
	@$(BIN)/python -m pip install -q -e '.[fuzz]'
	@for target in $(FUZZED); do $(BIN)/python -m tools.fuzz $$target --seconds $(or $(SECONDS),60) || exit 1; done

regen: $(VENV)/dev ## Rewrite generated files: wire modules, docs/parity.md, docs/lifecycle.md
	@$(BIN)/python -m tools.regen

clean: ## Remove the local environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .demo
