# Everything sets itself up: `make demo` and `make test` work in a fresh clone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
# Most tests wait for processes and servers of their own, so there are more of these than cores.
PARALLEL ?= --numprocesses=3 --dist=loadfile --no-loadscope-reorder
DISTRIBUTIONS := . $(addprefix plugins/flask_chest_,sql sqlite postgres mysql mongo)
EDITABLE := $(foreach folder,$(DISTRIBUTIONS),--editable $(folder))
MANIFESTS := $(foreach folder,$(DISTRIBUTIONS),$(folder)/pyproject.toml) flask_chest/_version.py

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

.venv/.demo: .venv/.created $(MANIFESTS)
	$(BIN)/pip install --quiet $(EDITABLE) --group demo
	@touch $@

.venv/.dev: .venv/.created $(MANIFESTS)
	$(BIN)/pip install --quiet $(EDITABLE) --group dev
	@touch $@ .venv/.demo

.PHONY: servers
servers: # what the tests start; no Python package has it
	@tools/install_servers.sh

.PHONY: demo
demo: .venv/.demo ## Run the example shop under gunicorn, and show what was recorded
	$(BIN)/python -m examples.shop.demo

.PHONY: test
test: .venv/.dev servers ## Run all tests
	$(BIN)/python -m pytest $(PARALLEL)

.PHONY: storm
storm: .venv/.dev servers ## Ten minutes of kills, outages and full disks under load
	$(BIN)/python -m tests.storm --seconds 600 --mongo

.PHONY: hostile
hostile: .venv/.dev ## Put 100,000 hostile structures on g, and search all that was written for secrets
	CHEST_HOSTILE_EXAMPLES=100000 $(BIN)/python -m pytest tests/encode/test_hostile_requests.py

.PHONY: check
check: .venv/.dev ## Check format, lint, types and docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python tools/docs.py --check

.PHONY: format
format: .venv/.dev ## Format the code, and renew the generated parts of the docs
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python tools/docs.py

.PHONY: wheels
wheels: .venv/.dev ## Build an sdist and a wheel of every distribution into dist/
	rm -rf dist
	set -e; for folder in $(DISTRIBUTIONS); do \
	  $(BIN)/python -m build --no-isolation --outdir dist $$folder; done

.PHONY: test-lowest
test-lowest: .venv/.dev servers ## Run all tests with the lowest version of each dependency
	$(BIN)/python tools/lowest.py $(DISTRIBUTIONS) $(PARALLEL)

.venv-bench/.ready: $(MANIFESTS)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-bench/bin/pip install --quiet $(EDITABLE) --group bench
	@touch $@

# Flask-Chest as it was has our name. It imports icecream and does not say so.
.venv-bench-0.0.10/.ready:
	$(PYTHON) -m venv .venv-bench-0.0.10
	.venv-bench-0.0.10/bin/pip install --quiet flask-chest==0.0.10 icecream
	@touch $@

.PHONY: wrk
wrk: # what loads the servers that are measured
	@tools/install_program.sh wrk

# One after another: they would disturb each other.
BENCHES := request server startup processes delivery

.PHONY: bench
bench: ## Measure all that docs/performance.md has, and write it there
	set -e; for part in $(BENCHES); do $(MAKE) --no-print-directory bench-$$part SHORT=--short; done

.PHONY: bench-request
bench-request: .venv-bench/.ready .venv-bench-0.0.10/.ready ## Measure what tracking adds to a request, beside eight others and what is written by hand
	.venv-bench/bin/python -m benchmarks.request
	.venv-bench/bin/python -m benchmarks.writes

.PHONY: bench-instructions
bench-instructions: .venv-bench/.ready ## Count the instructions of a request, under valgrind
	tools/install_program.sh valgrind
	.venv-bench/bin/python -m benchmarks.instructions
	.venv-bench/bin/python -m benchmarks.steps

.PHONY: bench-server
bench-server: .venv-bench/.ready wrk ## Measure requests a second and latency under gunicorn
	.venv-bench/bin/python -m benchmarks.server

.PHONY: bench-startup
bench-startup: .venv-bench/.ready ## Measure what import and init_app take
	.venv-bench/bin/python -m benchmarks.startup

.PHONY: bench-processes
bench-processes: .venv-bench/.ready ## Measure many processes on one journal, and how soon one takes over from another
	.venv-bench/bin/python -m benchmarks.processes

.PHONY: bench-delivery
bench-delivery: .venv-bench/.ready servers ## Measure delivery to each database, of backlogs up to 10,000,000 records
	.venv-bench/bin/python -m benchmarks.delivery $(SHORT)

.PHONY: bench-export
bench-export: .venv-bench/.ready servers ## Measure how fast records are stored, beside the drivers' own ways
	.venv-bench/bin/python -m benchmarks.export

.PHONY: bench-filter
bench-filter: .venv/.dev ## Measure what choosing variables and taking secrets out costs a record
	$(BIN)/python benchmarks/filter.py

.PHONY: bench-outage
bench-outage: .venv/.dev servers ## Measure latency, memory and drain while a database is away and back
	$(BIN)/python -m benchmarks.outage

.PHONY: clean
clean: ## Remove all that make has made
	rm -rf .venv .venv-lowest .venv-bench .venv-bench-0.0.10 dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
