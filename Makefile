# Two commands are enough: `make demo` and `make test`. Each installs what it needs into .venv.
# Options: make demo SERVE=0 PORT=8080 · make test ARGS="-k rfm" · make bench SCALE=full
#          make ... PYTHON=/path/to/python3.12

PY := .venv/bin/python
SCALE ?= small
DEMO_ARGS = $(if $(filter 0,$(SERVE)),--no-serve) $(if $(PORT),--port $(PORT))
SQL = $(wildcard */sql/*.sql crm_project/*/sql/*.sql */sql/*/*.sql)
TEMPLATES = $(shell find templates -name '*.html' 2>/dev/null)

# What a server would have, so that `check --deploy` looks at production settings.
AS_IN_PRODUCTION = CRM_ENV=production DJANGO_ALLOWED_HOSTS=crm.example.com \
	DJANGO_SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
	DATABASE_URL=postgres://crm@db.invalid/crm REDIS_URL=rediss://valkey.invalid/0 \
	PGSSLMODE=verify-full CRM_BACKUP_BY_BEAT=false

.DEFAULT_GOAL := help
.PHONY: help demo test test-roles test-slow lint audit bench bench-signals load run fmt manifests policies requirements clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo.stamp ## Load real orders, score them, print what was found and serve it (SERVE=0: do not serve)
	@$(PY) manage.py demo $(DEMO_ARGS)

run: .venv/demo.stamp ## Serve the web pages with a worker and the scheduler until Ctrl-C
	@$(PY) manage.py serve $(if $(PORT),--port $(PORT))

test: .venv/dev.stamp ## Run the tests on all cores (ARGS="-k rfm" chooses, ARGS="-n 0" takes one process)
	$(PY) -m pytest -n auto $(ARGS)

test-slow: .venv/dev.stamp ## Run the proofs that take minutes: kills, power cuts, bad networks (docs/proofs.md)
	@sh tests/proofs/install.sh slow
	$(PY) -m pytest -m slow_proof tests/proofs $(ARGS)

test-roles: .venv/dev.stamp ## Run the tests logged in to PostgreSQL as app_user, who owns nothing
	CRM_TEST_ROLE=app_user $(PY) -m pytest -n auto $(ARGS)

lint: .venv/dev.stamp ## Check format, style, imports, types, SQL, templates, migrations, settings
	$(PY) -m ruff format --check . && $(PY) -m ruff check .
	.venv/bin/lint-imports --no-logo --no-cache
	$(PY) -m mypy
	$(if $(SQL),$(PY) -m sqlfluff lint --disable-progress-bar $(SQL))
	$(if $(TEMPLATES),$(PY) -m djlint --quiet --lint $(TEMPLATES))
	.venv/bin/typos
	$(PY) manage.py makemigrations --check --dry-run
	@$(AS_IN_PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

audit: .venv/dev.stamp ## Look for known vulnerabilities (asks the package index) and for committed secrets
	@$(PY) .ci/audit.py

bench: .venv/dev.stamp ## Measure against the peers (SCALE=small, or full: 1 M customers, 10 M orders)
	$(PY) -m benchmarks --scale $(SCALE)

bench-signals: .venv/dev.stamp ## Measure receiving, storing and draining signals only (SCALE=full: longer)
	$(PY) -m benchmarks --scale $(SCALE) --only signals
	$(PY) -m benchmarks --scale $(SCALE) --only signal_store
	$(PY) -m benchmarks --scale $(SCALE) --only signal_worker

load: .venv/load/load.stamp .venv/dev.stamp ## Work on the site as 300 people and systems (ARGS="--scale full --users 300 --write")
	$(PY) -m benchmarks.users $(ARGS)

fmt: .venv/dev.stamp ## Format the code and repair what can be repaired
	$(PY) -m ruff check --fix-only --quiet . ; $(PY) -m ruff format .

# What git holds of them is looked at in reviews, and tested where there is no kubectl.
OVERLAYS = dev staging prod
manifests: ## Render k8s/overlays into k8s/rendered (needs kubectl)
	mkdir -p k8s/rendered
	for overlay in $(OVERLAYS); do \
		kubectl kustomize k8s/overlays/$$overlay >k8s/rendered/new && \
		mv k8s/rendered/new k8s/rendered/$$overlay.yaml || exit 1; done
	find k8s/base k8s/components k8s/monitoring k8s/overlays -type f | LC_ALL=C sort | xargs sha256sum >k8s/rendered/SHA256SUMS

policies: .venv/policies/policies.stamp .venv/dev.stamp ## Ask checkov about k8s and Dockerfile (installs it for make test, too)
	$(PY) -m pytest tests/kubernetes/test_policies.py -n 0

requirements: .venv/dev.stamp ## Compile requirements/*.in to pinned, hashed *.txt (ARGS=--upgrade for newer ones)
	for list in base prod demo dev uv policies load barman patroni; do $(PY) -m uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make requirements" --no-emit-package psycopg2 $(ARGS) \
		requirements/$$list.in -o requirements/$$list.txt || exit 1; done

clean: ## Remove .venv and the tools' caches; the data in .crm stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage*

# A stamp is older than its list when the list changed: then it is installed again.
.venv/%.stamp: requirements/%.txt requirements/uv.txt .venv/bin/python
	@sh requirements/install.sh $*

# In a place of its own: its hundred packages would hold ours to old versions.
.venv/policies/policies.stamp: requirements/policies.txt .venv/bin/python
	@sh requirements/install.sh policies .venv/policies

# Apart, too: it registers itself with pytest, and would change every test's sockets.
.venv/load/load.stamp: requirements/load.txt
	@sh requirements/install.sh load .venv/load

# Also where the Python behind the symbolic link has gone.
.venv/bin/python:
	@sh requirements/install.sh
