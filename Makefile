# One command per habit; each sets up what it needs.
.POSIX:
.PHONY: help setup demo up down status docs compose-check compose-try test browser lint style types sql unit bench trial format clean
.DEFAULT_GOAL := help

BIN = .venv/bin
# A process per core, each with its own server and sample night; a file's tests stay together, in their order, and what
# takes longest stands first.
ON_ALL_CORES = --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## make or renew .venv from requirements.lock
	@PYTHON="$(PYTHON)" ./setup.sh

demo: setup ## one whole night on the sample reports, then the answers
	$(BIN)/chungtay up
	$(BIN)/chungtay night --inbox examples/inbox
	$(BIN)/python examples/answers.py

up: setup ## start the local stack
	$(BIN)/chungtay up

down: ## stop what was started
	@if [ -x $(BIN)/chungtay ]; then $(BIN)/chungtay down; fi

status: setup ## what came, what is held, what was published, what runs
	@$(BIN)/chungtay status

docs: setup ## the documentation of the warehouse as one page
	@$(BIN)/chungtay docs

test: lint browser ## lint and all tests, on the real engines
	$(BIN)/python -m pytest $(ON_ALL_CORES) tests/acceptance tests/integration tests/conventions tests/unit

browser:
	@tests/install_browser.sh

lint: setup ## formatting, style, types, SQL
	@$(MAKE) -j 2 style types sql

style:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

sql:
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests examples/answers tests/benchmarks/queries
	$(BIN)/sqlfluff lint --processes 2 --config expectations/sqlfluff.cfg expectations/rules

unit: setup ## the tests that need no engine
	$(BIN)/python -m pytest tests/unit tests/conventions

compose-check: setup ## docker-compose.yml by its own rules, without an engine (also part of `test`)
	$(BIN)/python -m pytest tests/conventions/test_compose.py

compose-try: setup ## docker-compose.yml in a real engine: a night, kills, recovery; needs root and Debian (some minutes)
	$(BIN)/python tests/compose/try_stack.py

bench: setup ## speed, as ratios measured in one run
	@for bench in tests/benchmarks/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

trial: setup ## nights killed at random moments, half an hour; readers during hundreds of publications
	$(BIN)/python tests/trials/trial_kills.py
	$(BIN)/python tests/trials/trial_readers.py

format: setup ## put the code in its standard form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## stop the demo, remove its data (.chungtay), .venv and caches
	@if [ -x $(BIN)/chungtay ]; then CHUNGTAY_HOME=.chungtay $(BIN)/chungtay down --delete-home --yes; fi
	rm -rf .venv .mypy_cache .ruff_cache dbt_project/target dbt_project/logs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
