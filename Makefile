# Every target installs what a fresh machine lacks: Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The peers that the product is measured beside; never in its own environment.
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
# Each process has servers of its own, and often waits for them: one more than there are cores.
# Tests that kill and measure run alone.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 5))')
PARALLEL := -n $(PROCESSES) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help venv check format test test-all demo dev stop chaos lock bench

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(STAMP) ## Virtual environment with the pinned dependencies

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "TenantOps needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@# setuptools says in a box what an editable installation is; nothing is wrong.
	PYTHONWARNINGS="ignore:Editable installation" \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

check: venv ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

format: venv ## Apply the formatter and the safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: venv ## Show it at work: a schedule fires, roles sync, changes found by name
	$(BIN)/tenantops demo

dev: venv ## Keep the development stack and a worker running
	$(BIN)/tenantops dev

stop: venv ## Stop the development stack, whoever started it
	$(BIN)/tenantops stack stop

test: venv ## What a visitor runs: under 5 minutes
	$(BIN)/pytest $(PARALLEL) -m "not long and not chaos"

test-all: venv ## Adds the long tests: kills, restarts, stress
	$(BIN)/pytest $(PARALLEL) -m "not alone and not chaos"
	$(BIN)/pytest -m "alone and not chaos"

chaos: venv ## Twenty kills of the worker in a profile-L backup
	$(BIN)/pytest -m chaos

bench: venv $(BENCH_STAMP) ## Measure everything beside its peers; ONLY=P4, ROUNDS=3, QUICK=1
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick)

$(BENCH_STAMP): bench/requirements.lock
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	@# The lock is complete; an old pip cannot match an extra with its pin.
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--no-deps -r bench/requirements.lock
	@touch $@

lock: venv ## Renew requirements.lock: names, versions and hashes only
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras \
		--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-annotate \
		--output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-strip-extras \
		--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-annotate \
		--output-file bench/requirements.lock bench/requirements.in
