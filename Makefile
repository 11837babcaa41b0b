# Everything a person needs; each target sets up what it needs itself. Python 3.11, make and git must be there.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test coverage soak fuzz lint format docs docs-site chart rules bench bench-quick bench-growth bench-stress bench-workers bench-footprint profile audit sbom lock clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with pinned, hash-checked dependencies

$(STAMP): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: error: $(PYTHON) is not on the PATH; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: install ## start everything on this machine, with a sample conversation
	@$(BIN)/chat up --sample

# The tests wait more than they compute: files run side by side, each process with servers of its own. JOBS=0 is one after
# the other, and the only way with TEST_SERVERS=external. Heavy files come first by their folders' names, the light ones last.
JOBS ?= 2
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder

test: install ## all tests but the long ones, on real servers that they start themselves
	$(BIN)/python -m pytest -m "not soak" $(SIDE_BY_SIDE) --durations=30

coverage: install ## the same, with what they reach of the code; tracing makes them half as long again
	$(BIN)/python -m pytest -m "not soak" $(SIDE_BY_SIDE) --cov --cov-report=term

soak: install ## the long tests
	ORACLE_SEED=$${ORACLE_SEED:-random} $(BIN)/python -m pytest -m soak --timeout 0
	ORACLE_SEED=random $(BIN)/python -m pytest tests/property
	$(MAKE) fuzz FUZZ_SECONDS=1800

FUZZ_SECONDS ?= 60

fuzz: install ## throw bytes at codec, tokens and cursors, each for FUZZ_SECONDS
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-fuzz.lock
	$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

lint: install ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## write what README, .env.example, docs/ and the chart's schema say of the code
	$(BIN)/python -m chat.cli.env_example > .env.example
	$(BIN)/python -m chat.cli.readme_tables README.md docs/monitoring.md
	$(BIN)/chat openapi docs/openapi.yaml
	$(BIN)/chat asyncapi docs/asyncapi.yaml
	$(BIN)/python -m chat.cli.reference docs/reference
	$(BIN)/python -m chat.cli.chart_schema deploy/helm/aivo-chat/values.schema.json

docs-site: ## the documentation as a site, in ./site; a link that leads nowhere ends it
	test -d .venv-docs || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.lock
	.venv-docs/bin/zensical build --strict --clean

chart: ## render the example of the Helm chart; needs helm on the PATH
	deploy/helm/render > deploy/helm/rendered.yaml

rules: ## check and test the alerts, where promtool (of Prometheus) is on the PATH
	promtool check rules deploy/prometheus/rules.yaml
	promtool test rules deploy/prometheus/rules.test.yaml

# The benchmark has an environment of its own: other ways to do the same, which the service does not need.
BENCH := .venv-bench/bin/python
BENCH_STAMP := .venv-bench/.installed

$(BENCH_STAMP): requirements-bench.lock pyproject.toml
	$(PYTHON) -m venv .venv-bench
	$(BENCH) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.lock
	$(BENCH) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(BENCH_STAMP)

bench: $(BENCH_STAMP) ## commands and pages a second, beside other ways to do it; 40 minutes
	$(BENCH) -m bench

bench-quick: $(BENCH_STAMP) ## the same in 8 minutes
	$(BENCH) -m bench --quick

GROWTH_MINUTES ?= 60

bench-growth: $(BENCH_STAMP) ## curves against threads, rows, depth, commands done, lag, partitions; within GROWTH_MINUTES
	$(BENCH) -m bench.growth --minutes $(GROWTH_MINUTES)

bench-stress: $(BENCH_STAMP) ## a backlog, three times what a worker can do, a loud learner, large commands, a million learners; 90 minutes
	$(BENCH) -m bench.stress $(STRESS)

bench-workers: $(BENCH_STAMP) ## one, two and four workers on a Cassandra that is 10 ms away; 5 minutes
	$(BENCH) -m bench.workers

bench-footprint: $(BENCH_STAMP) ## what a command costs: CPU of worker, Cassandra and Kafka, bytes on their disks; 2 minutes
	$(BENCH) -m bench.footprint

profile: $(BENCH_STAMP) ## a flame graph of a worker under load, and what it spends most on
	$(BENCH) -m bench.profiling

AUDIT := .venv-audit/bin

.venv-audit/.installed: requirements-audit.lock
	$(PYTHON) -m venv .venv-audit
	$(AUDIT)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-audit.lock
	@touch $@

audit: .venv-audit/.installed ## ask PyPI for known holes in what is pinned
	$(AUDIT)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements.lock

sbom: .venv-audit/.installed ## write what the image holds into sbom.cdx.json, as CycloneDX has it
	$(AUDIT)/cyclonedx-py requirements --output-reproducible --output-format JSON --output-file sbom.cdx.json requirements.lock

# The lock holds everything, so pip resolves nothing (--no-deps): its resolver would take a newer release for a package's
# extra, which has no hash here. With the extras named, plain `pip install --require-hashes` works too.
LOCK := uv pip compile --quiet --no-strip-extras --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11

lock: install ## pin every dependency with hashes
	$(BIN)/$(LOCK) -o requirements.lock requirements.in
	$(BIN)/$(LOCK) -c requirements.lock -o requirements-dev.lock requirements-dev.in
	$(BIN)/$(LOCK) -o requirements-docs.lock requirements-docs.in
	$(BIN)/$(LOCK) -c requirements.lock --overrides requirements-bench.overrides -o requirements-bench.lock requirements-bench.in
	$(BIN)/$(LOCK) -c requirements-dev.lock -o requirements-fuzz.lock requirements-fuzz.in
	$(BIN)/$(LOCK) -o requirements-audit.lock requirements-audit.in

clean: ## remove .venv and caches; never data
	rm -rf $(VENV) .venv-docs .venv-bench .venv-audit sbom.cdx.json site .cache .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*
