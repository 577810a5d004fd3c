# One word a task. Each task sets up what it needs first: see scripts/setup.py.
PYTHON ?= python3
BIN := .venv/bin
ACTIVATED := PATH="$(CURDIR)/$(BIN):$$PATH"
WORKERS ?= 2
PYRIGHT := node scripts/pyright/node_modules/pyright/index.js
PAGE := examples/chat/web

.DEFAULT_GOAL := help
.PHONY: help setup setup-python demo demo-terminal dev test lint types format locks

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup:  ## install everything: Python packages, the demo's model, the JavaScript client of the tests
	@$(PYTHON) scripts/setup.py all

setup-python:
	@$(PYTHON) scripts/setup.py python

demo: setup-python  ## a chat in the browser, on a real model and a real Temporal server
	@if $(PYTHON) scripts/setup.py chat; then \
		$(BIN)/python -m examples.chat $(ARGS); \
	else \
		echo "demo: the chat's page cannot be built on this machine; here is the demo for terminals instead"; \
		$(BIN)/temporal-ably demo; \
	fi

demo-terminal: setup-python  ## the same without a browser: four acts in the terminal
	@$(BIN)/temporal-ably demo $(ARGS)

dev: setup-python  ## run the local stand-in for Ably
	@$(BIN)/temporal-ably dev $(ARGS)

test: setup  ## run every test; make test ARGS="-k name" runs some
	@$(ACTIVATED) python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)
	@$(ACTIVATED) npm test --silent --prefix $(PAGE)

lint: setup-python  ## check style and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup  ## check types, of the code and of what users receive
	@$(ACTIVATED) $(PYRIGHT)
	@$(ACTIVATED) $(PYRIGHT) --verifytypes temporal_ably --ignoreexternal
	@$(ACTIVATED) npm run types --silent --prefix $(PAGE)

format: setup-python  ## rewrite the code in its one style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

locks:  ## write the lock files anew, with the newest versions that pyproject.toml allows
	@scripts/lock
