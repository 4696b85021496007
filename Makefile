# Alphapy's commands. `make sandbox` shows the bot, `make test` checks everything.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
.DEFAULT_GOAL := help

FUZZ ?= 200000
KIND ?= kill
N ?= 100
.PHONY: help setup dev fmt check test fuzz campaign mutations sandbox demo bench migrate clean
help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## / — /' | sed 's/^/  make /'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Alphapy needs Python 3.11 or newer; none was found. Install it, or run: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "→ creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The environment could not be made. On Debian and Ubuntu, install python3-venv first."; exit 1; }

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "→ installing the locked packages (a minute the first time)"
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "→ installing the locked development packages"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.runtime  ## prepare .venv, so that .venv/bin/alphapy works
dev: $(VENV)/.dev  ## setup, and the tools for tests and checks

fmt: dev  ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: dev  ## ruff, mypy, import rules
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

test: check  ## every check and every test, with coverage
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n auto --dist=worksteal
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

fuzz: dev  ## 200,000 mutated frames against the gateway client (FUZZ=n, SEED=n to repeat)
	@seed="$(or $(SEED),$$RANDOM$$RANDOM)"; echo "→ $(FUZZ) rounds, seed $$seed"; \
	ALPHAPY_FUZZ=$(FUZZ) ALPHAPY_FUZZ_SEED="$$seed" $(BIN)/pytest tests/gateway/test_fuzz.py -q --timeout 3600 -o faulthandler_timeout=3600 \
	&& echo "→ nothing crashed, nothing got stuck (seed $$seed)" \
	|| { echo "→ failed; repeat it with: make fuzz FUZZ=$(FUZZ) SEED=$$seed"; exit 1; }

campaign: dev  ## nothing lost, nothing twice: 100 kills (KIND=kill|chaos|deploy, N=n, SEED=n to repeat)
	@$(BIN)/python -m tests.campaigns --kind $(KIND) --seed $(or $(SEED),1) -n $(N)

mutations: dev  ## whether the campaigns would notice: breaks the promise in copies of the source (some ten minutes)
	@$(BIN)/python -m tests.campaigns.mutations

sandbox: setup  ## a local Discord, PostgreSQL and the bot, with a page to chat in
	@exec $(BIN)/alphapy sandbox

demo: setup  ## play a scripted conversation against the sandbox and check it
	@$(BIN)/alphapy sandbox --demo

bench: dev  ## the benchmarks
	@for b in bench/[a-z]*.py; do echo "== $$b"; $(BIN)/python $$b; done

migrate: setup  ## bring the database of DATABASE_URL to the newest revision
	@$(BIN)/alphapy db upgrade

clean:  ## remove the environment and the caches, keep the data in .alphapy
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
