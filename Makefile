# Each target installs what it needs: `make demo` and `make test` work in a fresh clone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
# Without cached bytecode each worker of the tests would compile all of them each time.
unexport PYTHONDONTWRITEBYTECODE
# Most tests wait for processes and servers, so there are more workers than cores. Slow ones wait more.
PARALLEL ?= --numprocesses=4 --dist=loadfile --no-loadscope-reorder
DISTRIBUTIONS := . $(addprefix plugins/flask_chest_,sql sqlite postgres mysql mongo monitor dashboard clickhouse parquet otlp)
EDITABLE := $(foreach folder,$(DISTRIBUTIONS),--editable $(folder))
MANIFESTS := $(foreach folder,$(DISTRIBUTIONS),$(folder)/pyproject.toml) flask_chest/_version.py

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

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
servers: # install the programs that the tests start and no Python package has
	@tools/install_servers.sh

.PHONY: demo
demo: .venv/.demo ## Run the example shop under gunicorn, and show its records; SERVE=1 serves it with its dashboard
	$(BIN)/python -m examples.shop.demo $(if $(SERVE),--serve)

.PHONY: test
test: .venv/.dev servers ## Run the tests, on real servers and processes
	$(BIN)/python -m pytest -m "not slow and not long" $(PARALLEL)

.PHONY: test-slow
test-slow: .venv/.dev servers ## Run the tests that `make test` leaves out, as each takes seconds
	-tools/install_program.sh prometheus
	-tools/install_program.sh apache2 libapache2-mod-wsgi-py3
	$(BIN)/python -m pytest -m slow $(subst =4,=6,$(PARALLEL))

.PHONY: test-long
test-long: .venv/.dev servers ## Run the tests that take minutes together, before a release or after a change of what they are about
	$(BIN)/python -m pytest -m long $(PARALLEL)
	CHEST_HOSTILE_EXAMPLES=1000 $(BIN)/python -m pytest --numprocesses=2 tests/redaction/test_bounded.py

.PHONY: test-stutter
test-stutter: .venv/.dev servers ## Run the tests while one process after the other stands still: finds those that need a fast machine
	$(BIN)/python tools/stutter.py $(BIN)/python -m pytest -m "not slow and not long" $(PARALLEL)

.PHONY: test-clickhouse
test-clickhouse: .venv/.dev servers ## Run all tests of ClickHouse, those too that take minutes
	CHEST_TEST_SLOW_STORES=1 $(BIN)/python -m pytest tests/stores -k clickhouse

.PHONY: storm
storm: .venv/.dev servers ## Run ten minutes of kills, outages and full disks under load
	$(BIN)/python -m tests.storm --seconds 600 --mongo

.PHONY: hostile
hostile: .venv/.dev ## Put 100,000 hostile structures on g, and search all output for secrets
	CHEST_HOSTILE_EXAMPLES=100000 $(BIN)/python -m pytest tests/encode/test_hostile_requests.py tests/redaction/test_bounded.py

# The site needs little of what the tests do, so it has an environment of its own where there is none of theirs.
DOCS_READY := $(if $(wildcard .venv/.dev),.venv/.dev,.venv-docs/.ready)

.venv-docs/.ready: pyproject.toml flask_chest/_version.py
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-docs/bin/pip install --quiet --editable . --group docs
	@touch $@

.PHONY: docs
docs: $(DOCS_READY) ## Build the documentation site into build/site; a dead link or an unknown name fails
	$(dir $<)bin/sphinx-build --fail-on-warning --keep-going --nitpicky --jobs=2 --quiet -c docs . build/site
	@echo "build/site/index.html"

.PHONY: check
check: .venv/.dev ## Check format, lint, types and docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python --project tests/typing
	$(BIN)/python tools/docs.py --check
	$(MAKE) --no-print-directory docs

.PHONY: format
format: .venv/.dev ## Format the code, and write the generated parts of the docs
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python tools/docs.py

.PHONY: wheels
wheels: .venv/.dev ## Build an sdist and a wheel of every distribution into dist/, and check them
	$(BIN)/python -m tools.release --only-build

# The newest version that pyenv or the system has not, from Debian's packages; without it, it is said.
.PHONY: pythons
pythons: .venv/.dev # get what a release is tried on
	-PATH="$(abspath $(BIN)):$$PATH" tools/release/debian_python.sh 3.14 .pythons/3.14

.PHONY: release
release: .venv/.dev pythons ## Build, check, install and describe a release in dist/; REHEARSAL=1 before all is committed. Uploads nothing
	$(BIN)/python -m tools.release $(if $(REHEARSAL),--rehearsal)

.PHONY: env-lowest
env-lowest: .venv/.dev # install what test-lowest runs with
	$(BIN)/python tools/lowest.py $(DISTRIBUTIONS) --only-install

.PHONY: test-lowest
test-lowest: .venv/.dev servers ## Run the tests with the lowest version of each dependency
	$(BIN)/python tools/lowest.py $(DISTRIBUTIONS) $(PARALLEL)

.PHONY: test-lake
test-lake: .venv/.dev servers ## Run all contracts on a lake in S3
	CHEST_WHOLE_LAKE=1 $(BIN)/python -m pytest tests/testing/test_lake_contracts.py tests/stores/lake

# What people run around an application; some of it patches all that it finds.
.venv-compat/.ready: $(MANIFESTS) pyproject.toml | .venv/.dev
	$(PYTHON) -m venv .venv-compat
	.venv-compat/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-compat/bin/pip install --quiet --editable . --editable plugins/flask_chest_sql --editable plugins/flask_chest_sqlite --editable plugins/flask_chest_dashboard --group compat
	@touch $@

.PHONY: test-compat
test-compat: .venv-compat/.ready .venv/.dev ## Run beside the libraries and servers that people use; WRITE=1 writes docs/explanation/compatibility.md
	CHEST_WRITE=$(WRITE) .venv-compat/bin/python -m pytest --confcutdir=tests/compat tests/compat
	$(BIN)/python tools/prerelease.py $(DISTRIBUTIONS)

# What changes the code, and not what runs the tests.
.venv-mutants/.ready:
	$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/pip install --quiet 'cosmic-ray>=8.4'
	@touch $@

.PHONY: mutants
mutants: .venv-mutants/.ready .venv/.dev servers ## Change the code in small ways and see which changes no test notices; NUMBER=18 places in each package
	nice .venv-mutants/bin/python -m tools.mutants $(if $(NUMBER),--number $(NUMBER)) $(PACKAGES)

# PySpark brings its own JARs, 400 MB. Its test reads the files alone, so nothing of ours is there.
.venv-spark/.ready:
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/pip install --quiet 'pyspark>=4.0'
	@touch $@

.PHONY: test-spark
test-spark: .venv-spark/.ready .venv/.dev ## Read a lake with a real Spark of two executors, which takes minutes
	tools/install_program.sh java default-jre-headless
	CHEST_TEST_SPARK_PYTHON=.venv-spark/bin/python $(BIN)/python -m pytest tests/spark

.venv-bench/.ready: $(MANIFESTS)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-bench/bin/pip install --quiet $(EDITABLE) --group bench
	@touch $@

# 0.0.10 has the same name, so it has an environment of its own. It imports icecream without declaring it.
.venv-bench-0.0.10/.ready:
	$(PYTHON) -m venv .venv-bench-0.0.10
	.venv-bench-0.0.10/bin/pip install --quiet flask-chest==0.0.10 icecream
	@touch $@

.PHONY: wrk
wrk: # install the load generator of bench-server
	@tools/install_program.sh wrk

# One at a time: they would disturb each other.
BENCHES := request server startup processes delivery

.PHONY: bench
bench: ## Measure requests, gunicorn, delivery, processes and a start, and write docs/explanation/performance-*.md
	set -e; for part in $(BENCHES); do $(MAKE) --no-print-directory bench-$$part SHORT=--short; done

.PHONY: bench-request
bench-request: .venv-bench/.ready .venv-bench-0.0.10/.ready ## Measure what tracking adds to a request, beside eight other tools and code written by hand
	.venv-bench/bin/python -m benchmarks.request
	.venv-bench/bin/python -m benchmarks.writes

.PHONY: bench-instructions
bench-instructions: .venv-bench/.ready ## Count the instructions and bytecodes of a request, independent of the load on the machine
	tools/install_program.sh valgrind
	.venv-bench/bin/python -m benchmarks.instructions
	.venv-bench/bin/python -m benchmarks.steps

.PHONY: bench-survival
bench-survival: .venv-bench/.ready ## Count what tools have left of requests after a kill and an outage
	.venv-bench/bin/python -m benchmarks.survival

.PHONY: bench-server
bench-server: .venv-bench/.ready wrk ## Measure requests per second and latency under gunicorn
	.venv-bench/bin/python -m benchmarks.server

.PHONY: bench-startup
bench-startup: .venv-bench/.ready ## Measure what import and init_app take
	.venv-bench/bin/python -m benchmarks.startup

.PHONY: bench-processes
bench-processes: .venv-bench/.ready ## Measure many writers of one journal, and the time of a takeover
	.venv-bench/bin/python -m benchmarks.processes

.PHONY: bench-delivery
bench-delivery: .venv-bench/.ready servers ## Measure delivery to each database, of backlogs up to 10,000,000 records
	.venv-bench/bin/python -m benchmarks.delivery $(SHORT)

.PHONY: bench-query
bench-query: .venv-bench/.ready servers ## Measure how fast each store answers questions about 3,000,000 records, beside DuckDB and SQL by hand
	.venv-bench/bin/python -m benchmarks.query

.PHONY: bench-otlp
bench-otlp: .venv-bench/.ready ## Measure what sending records to a collector costs a request, beside OpenTelemetry's SDK
	.venv-bench/bin/python -m benchmarks.otlp

.PHONY: bench-lake
bench-lake: .venv/.dev ## Measure what a lake takes on the disk, and how fast it takes records, beside SQLite
	$(BIN)/python -m benchmarks.lake

.PHONY: dashboard-picture
dashboard-picture: .venv/.dev ## Make the picture of the dashboard in the README
	.venv/bin/python -m tools.dashboard_picture

.PHONY: tutorial-picture
tutorial-picture: .venv/.dev ## Make the picture of the tutorial, as a reader would in four minutes
	.venv/bin/python -m tools.tutorial_picture

.PHONY: bench-dashboard
bench-dashboard: .venv-bench/.ready servers wrk ## Measure how fast the dashboard is on 3,000,000 records, and what viewers cost the application
	.venv-bench/bin/python -m benchmarks.dashboard

.PHONY: bench-export
bench-export: .venv-bench/.ready servers ## Measure how fast records are stored, beside plain use of the drivers
	.venv-bench/bin/python -m benchmarks.export

.PHONY: bench-filter
bench-filter: .venv/.dev ## Measure what choosing variables and redacting secrets costs a record
	$(BIN)/python -m benchmarks.filter

.PHONY: bench-redaction
bench-redaction: .venv-bench/.ready ## Measure which secrets redaction finds, what it masks of harmless values, and what hostile records cost
	PYTHONPATH=tests/redaction .venv-bench/bin/python -m benchmarks.redaction $(FAILURES)

.PHONY: bench-outage
bench-outage: .venv/.dev servers ## Measure latency and memory during a database outage, and the drain after it
	$(BIN)/python -m benchmarks.outage

.PHONY: bench-scale
bench-scale: .venv/.dev servers ## Measure what a record costs each store, and simulate an outage for fifty hosts
	$(BIN)/python -m benchmarks.scale

.PHONY: bench-purge
bench-purge: .venv/.dev servers ## Measure how long a writer waits while 300,000 records are purged
	$(BIN)/python -m benchmarks.purge

.PHONY: bench-postgres-indexes
bench-postgres-indexes: .venv/.dev servers ## Measure what the options of the PostgreSQL store cost and gain
	$(BIN)/python -m benchmarks.postgres_indexes

.PHONY: clean
clean: ## Remove everything that make created
	rm -rf .pythons .venv .venv-docs .venv-lowest .venv-compat .venv-mutants .venv-spark .venv-prerelease .venv-bench .venv-bench-0.0.10 dist demo mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis
