.DEFAULT_GOAL := help
.PHONY: help install demo test browser-test crash-test scale-test pictures check audit licences dev format lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
		uv pip install --quiet --python $(BIN)/python --no-deps --editable .; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --no-deps --editable .; \
	fi
	@touch $@

install: $(STAMP) ## Make .venv with everything that is needed, as locked.

demo: $(STAMP) ## Run the whole pipeline on the bundled simulator (REPLAY=file.csv: on an export).
	@$(BIN)/meta-pipeline demo $(if $(REPLAY),--replay "$(REPLAY)")

test: $(STAMP) ## Run every test, as many at once as there are cores.
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Debian's chromium, where it is missing and may be installed; else the test says that it is skipped.
define CHROMIUM
@test -x /usr/bin/chromium || test "$$(id -u)" -ne 0 || \
	{ apt-get update --quiet && apt-get install --yes --quiet chromium; }
endef

browser-test: $(STAMP) ## Look at Dagster's UI and the dashboard in Debian's chromium (two minutes).
	$(CHROMIUM)
	@$(BIN)/python -m pytest -m browser tests/browser

crash-test: $(STAMP) ## Kill commands, fill disks, damage files (ten minutes; CRASH_MOMENTS=50: more).
	@$(BIN)/python -m pytest -n auto -m "crash or not crash" tests/crash

# An environment of its own: what scaling out needs is not in the other one.
.venv-scale/.installed: pyproject.toml tests/scale/requirements.lock
	@$(PYTHON) -m venv .venv-scale
	@.venv-scale/bin/python -m pip install --quiet --require-hashes -r tests/scale/requirements.lock
	@.venv-scale/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

scale-test: .venv-scale/.installed ## Run a fleet of workers on Postgres, Redis and S3 (10 to 30 minutes).
	@.venv-scale/bin/python -m pytest -m scale tests/scale

pictures: $(STAMP) ## Make the pictures of README.md and docs/dagster.md anew (needs chromium).
	$(CHROMIUM)
	@$(BIN)/python -m tests.browser.pictures
	@$(BIN)/python -m tests.browser.report_pictures

check: $(STAMP) ## Lint, types, walls between packages, SQL style, licences.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests --config dbt_project/.sqlfluff
	@$(BIN)/pip-licenses > /dev/null

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

LOCK := uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-annotate \
	--no-header --no-strip-extras --no-emit-index-url --no-emit-find-links

# What deploy/ installs is the same without the tools of development.
lock: ## Write requirements.lock and deploy/requirements.lock anew (needs uv).
	$(LOCK) --extra dev --constraint constraints.txt pyproject.toml \
		--output-file requirements.lock
	$(LOCK) --extra postgres --extra pdf --constraint requirements.lock pyproject.toml \
		--output-file deploy/requirements.lock
	$(LOCK) --extra dev --extra scale-test --constraint requirements.lock pyproject.toml \
		--output-file tests/scale/requirements.lock
	$(LOCK) --extra postgres --extra pdf --extra celery --extra lake \
		--constraint tests/scale/requirements.lock pyproject.toml \
		--output-file deploy/scale/requirements.lock

licences: $(STAMP) ## Write docs/licences.md anew, after `make lock` and `make install`.
	@{ echo "# Licences of what is installed"; echo; \
	echo "Made by \`make licences\`; \`make check\` refuses a licence that pyproject.toml does not allow."; \
	echo; $(BIN)/pip-licenses --no-version --format markdown; } > docs/licences.md

clean: ## Remove the virtual environment and caches; data stay.
	rm -rf $(VENV) .venv-scale .pytest_cache .ruff_cache .hypothesis .import_linter_cache
