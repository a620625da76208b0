.DEFAULT_GOAL := help
.PHONY: help install demo test browser-test crash-test scale-test pictures check check-types check-sql audit licences dev format lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# An environment in folder $(1) as file $(2) locks it. uv takes a tenth of pip's time; pip it is where
# uv cannot reach what pip is configured for.
define ENVIRONMENT
@command -v uv >/dev/null || { $(PYTHON) -m venv $(1) && \
	$(1)/bin/python -m pip install --quiet --require-hashes -r installer.lock; }
@PATH="$$PATH:$(abspath $(1))/bin"; \
test -x $(1)/bin/python || uv venv --quiet --python $(PYTHON) $(1); \
for what in "--require-hashes -r $(2)" "--no-deps --editable ."; do \
	uv pip install --quiet --python $(1)/bin/python $$what || \
	$(1)/bin/python -m pip install --quiet $$what || exit; \
done
@touch $@
endef

$(STAMP): pyproject.toml requirements.lock installer.lock
	$(call ENVIRONMENT,$(VENV),requirements.lock)

install: $(STAMP) ## Make .venv with everything that is needed, as locked.

demo: $(STAMP) ## Run the whole pipeline on the bundled simulator (REPLAY=file.csv: on an export).
	@$(BIN)/meta-pipeline demo $(if $(REPLAY),--replay "$(REPLAY)")

test: $(STAMP) ## Run every test, as many at once as there are cores.
	@tests/debian.sh
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

browser-test: $(STAMP) ## Look at Dagster's UI and the dashboard in Debian's chromium (two minutes).
	@tests/debian.sh
	@$(BIN)/python -m pytest -m browser tests/browser

crash-test: $(STAMP) ## Kill commands and daemons, fill disks, damage files (twenty minutes; CRASH_MOMENTS=50: more).
	@$(BIN)/python -m pytest -n auto -m "crash or not crash" tests/crash

# An environment of its own: what scaling out needs is not in the other one.
.venv-scale/.installed: pyproject.toml tests/scale/requirements.lock installer.lock
	$(call ENVIRONMENT,.venv-scale,tests/scale/requirements.lock)

scale-test: .venv-scale/.installed ## Run a fleet of workers on Postgres, Redis and S3 (10 to 30 minutes).
	@.venv-scale/bin/python -m pytest -m scale tests/scale

pictures: $(STAMP) ## Make the pictures of README.md and docs/dagster.md anew (needs chromium).
	@tests/debian.sh
	@$(BIN)/python -m tests.browser.pictures
	@$(BIN)/python -m tests.browser.report_pictures

check: $(STAMP) ## Lint, types, walls between packages, SQL style, licences.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/pip-licenses > /dev/null
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check-types check-sql

check-types: $(STAMP)
	@$(BIN)/basedpyright

check-sql: $(STAMP)
	@$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests --config dbt_project/.sqlfluff

# In an environment of its own: it audits the lock, not what it is installed with.
audit: ## Ask PyPI for known weaknesses of what is pinned (needs PyPI itself, not a mirror).
	@$(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/python -m pip install --quiet pip-audit
	@$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

dev: export DAGSTER_HOME ?= $(abspath $(or $(META_PIPELINE_HOME),data))/dagster
dev: $(STAMP) ## Open Dagster's UI on this project (http://127.0.0.1:3000).
	@mkdir -p "$$DAGSTER_HOME" && cp -n dagster.yaml "$$DAGSTER_HOME/dagster.yaml"
	@$(BIN)/dagster dev --host 127.0.0.1

format: $(STAMP) ## Format Python and SQL.
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix dbt_project/models dbt_project/tests --config dbt_project/.sqlfluff

LOCK := $(BIN)/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-annotate \
	--no-header --no-strip-extras --no-emit-index-url --no-emit-find-links

# What deploy/ installs is the same without the tools of development.
lock: $(STAMP) ## Write every lock anew.
	$(LOCK) --extra dev --constraint constraints.txt pyproject.toml \
		--output-file requirements.lock
	echo uv | $(LOCK) --constraint requirements.lock - --output-file installer.lock
	$(LOCK) --extra postgres --extra pdf --constraint requirements.lock pyproject.toml \
		--output-file deploy/requirements.lock
	$(LOCK) --extra dev --extra scale-test --constraint requirements.lock pyproject.toml \
		--output-file tests/scale/requirements.lock
	$(LOCK) --extra postgres --extra pdf --extra celery --extra lake \
		--constraint tests/scale/requirements.lock pyproject.toml \
		--output-file deploy/scale/requirements.lock

licences: $(STAMP) .venv-scale/.installed ## Write docs/licences.md anew, after `make lock`.
	@{ echo "# Licences of what is installed"; echo; \
	echo "Made by \`make licences\`, of all extras; \`make check\` refuses a licence that pyproject.toml does"; \
	echo "not allow."; echo; \
	$(BIN)/pip-licenses --python .venv-scale/bin/python --no-version --format markdown; } \
	> docs/licences.md

clean: ## Remove the virtual environment and caches; data stay.
	rm -rf $(VENV) .venv-scale .pytest_cache .ruff_cache .hypothesis .import_linter_cache
