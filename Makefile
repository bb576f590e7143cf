# Everything a developer does here. `make` alone lists it.

SHELL := /bin/bash
# The distribution's own interpreter comes first: it is built with profile-guided optimisation, which one built by hand (pyenv's
# default) is not, and answers a third more requests. PYTHON=... chooses another.
PYTHON ?= $(shell command -v /usr/bin/python3.11 || command -v python3.11 || command -v python3)
BIN := .venv/bin
# uv lives outside the lock that it makes.
UV_HOME := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/livedrops/uv
UV_COMPILE = $(UV_HOME)/bin/uv --quiet pip compile --generate-hashes --python-version 3.11 --universal \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Internal: `.venv` as the lock says. Does nothing, in 0.1 s, where it already is.
.PHONY: venv
venv:
	@$(PYTHON) stack/bootstrap.py

.PHONY: run
run: venv ## Start LiveDrops with its servers and a demo; Ctrl-C stops it (LIVEDROPS_PORT=8001 make run for another port)
	@exec $(BIN)/livedrops stack up

.PHONY: stop
stop: venv ## Stop what `make run` started
	@$(BIN)/livedrops stack down

.PHONY: status
status: venv ## Show each server and unit: state, pid, memory, address
	@$(BIN)/livedrops stack status

.PHONY: logs
logs: venv ## Follow all logs, or one: make logs NAME=orders
	@exec $(BIN)/livedrops stack logs --follow $(NAME)

.PHONY: nomad
nomad: venv ## Start LiveDrops on Nomad and Consul, and leave it running
	@exec $(BIN)/livedrops nomad up

.PHONY: nomad-stop
nomad-stop: venv ## Stop what `make nomad` started
	@$(BIN)/livedrops nomad down

.PHONY: jobs
jobs: venv ## Write jobs/nomad and consul/ anew from the table of units
	@$(BIN)/python -m stack.nomad.jobs

# The test stack is stopped also after a failure or Ctrl-C, and the tests' own exit code is kept.
.PHONY: test
test: venv ## Run all tests but the load tests, against real servers of their own
	@trap : INT TERM; $(BIN)/pytest tests --ignore=tests/load; code=$$?; \
	$(BIN)/livedrops stack down --profile test || exit 1; exit $$code

.PHONY: check
check: venv ## Check format, lint, types and the imports between packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: venv ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: ## Pin requirements*.in with hashes, keeping pins that still fit (UPGRADE=1 takes the newest)
	@test -x $(UV_HOME)/bin/uv || ($(PYTHON) -m venv --clear $(UV_HOME) && $(UV_HOME)/bin/pip --quiet install uv)
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) requirements.in --output-file requirements.lock
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) requirements-dev.in --output-file requirements-dev.lock

.PHONY: monitor
monitor: venv ## Watch the running stack: Prometheus, alarms and dashboards (livedrops monitor down ends it)
	@$(BIN)/livedrops monitor up

.PHONY: migrate
migrate: venv ## Bring the schemas of the running dev stack up to date
	@$(BIN)/livedrops stack migrate

.PHONY: bench-orders
bench-orders: venv ## Measure orders a second and their latency
	@$(BIN)/python -m tests.load.bench_orders

.PHONY: bench-follows
bench-follows: venv ## Measure follows and their lists, with a celebrity of a million followers
	@$(BIN)/python -m tests.load.bench_follows

.PHONY: bench-search
bench-search: venv ## Measure search over a hundred thousand products, and how soon a change is found
	@$(BIN)/python -m tests.load.bench_search

.PHONY: bench-media
bench-media: venv ## Upload and download a gigabyte, and watch the memory that it takes
	@$(BIN)/python -m tests.load.bench_media

.PHONY: bench-notify
bench-notify: venv ## Measure how soon thousands of a million followers see live what happens in a sale
	@$(BIN)/python -m tests.load.bench_notify

.PHONY: bench-push
bench-push: venv ## Push a broadcast to a million followers, with one worker and with two
	@$(BIN)/python -m tests.load.bench_push

.PHONY: bench-scaling
bench-scaling: venv ## See units grow before a start that many wait for, on the mesh that `make nomad` started
	@$(BIN)/python -m tests.load.bench_scaling

.PHONY: chaos
chaos: venv ## Kill processes and servers under load, the long way
	@trap : INT TERM; $(BIN)/pytest tests/chaos --long; code=$$?; \
	$(BIN)/livedrops stack down --profile test || exit 1; exit $$code

.PHONY: contracts
contracts: venv ## Write the contracts' schemas, the OpenAPI and the AsyncAPI document anew into docs/contracts
	@$(BIN)/python -m services.contracts.schemas
	@$(BIN)/python -m gateway.openapi
	@$(BIN)/python -m services.kernel.asyncapi

.PHONY: clean
clean: ## Stop all stacks and delete their data, logs and secrets
	@if test -x $(BIN)/livedrops; then $(BIN)/livedrops stack clean && $(BIN)/livedrops nomad clean; fi
	@rm -rf .run
