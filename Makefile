# One word a task. Each task sets up what it needs first: see scripts/setup.py.
PYTHON ?= python3
BIN := .venv/bin
ACTIVATED := PATH="$(CURDIR)/$(BIN):$$PATH"
WORKERS ?= 2
PYRIGHT := node scripts/pyright/node_modules/pyright/index.js

.DEFAULT_GOAL := help
.PHONY: help setup setup-python demo dev test lint types format locks

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## install everything: Python packages, the demo's model, the JavaScript client of the tests
	@$(PYTHON) scripts/setup.py all

setup-python:
	@$(PYTHON) scripts/setup.py python

demo: setup-python  ## watch a real model stream through a real Temporal server
	@$(BIN)/temporal-ably demo $(ARGS)

dev: setup-python  ## run the local stand-in for Ably
	@$(BIN)/temporal-ably dev $(ARGS)

test: setup  ## run every test; make test ARGS="-k name" runs some
	@$(ACTIVATED) python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: setup-python  ## check style and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup  ## check types, of the code and of what users receive
	@$(ACTIVATED) $(PYRIGHT)
	@$(ACTIVATED) $(PYRIGHT) --verifytypes temporal_ably --ignoreexternal

format: setup-python  ## rewrite the code in its one style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

locks:  ## write the lock files anew, with the newest versions that pyproject.toml allows
	@scripts/lock
