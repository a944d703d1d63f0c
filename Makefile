# `make demo` and `make test` are all there is to know: each makes its own .venv first. Needs python3 (3.11 or newer).

PYTHON ?= python3
PIP := .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet --quiet install --no-user
PINS := grep -v '^ *\#' requirements/dev.lock

# Settings that would send packages elsewhere than into .venv, or refuse the lock. Where packages come from stays yours.
unexport PIP_CONSTRAINT PIP_DRY_RUN PIP_IGNORE_INSTALLED PIP_NO_BINARY PIP_NO_DEPS PIP_ONLY_BINARY PIP_PREFIX
unexport PIP_PYTHON PIP_REQUIRE_HASHES PIP_REQUIREMENT PIP_ROOT PIP_TARGET PIP_USER PYTHONHOME PYTHONPATH

.PHONY: help setup demo test check bench bench-render bundle docs lock clean environment project

help: ## Show this list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make .venv from the hash-pinned lock, if it is not there or the lock changed
	@.venv/bin/python -c "" 2>/dev/null && $(PINS) | cmp -s - .venv/pins || $(MAKE) --silent environment
	@cmp -s pyproject.toml .venv/pyproject.toml || $(MAKE) --silent project

demo: setup ## Render a film from HTTP call to finished file; MEDIA=folder takes your own clips
	@.venv/bin/deskrun demo $(if $(MEDIA),--media "$(MEDIA)")

test: setup ## Run all tests; ARGS="-k lease" goes to pytest, COVERAGE=1 prints branch coverage
	@.venv/bin/pytest $(if $(COVERAGE),--cov --cov-report=term-missing:skip-covered) $(ARGS)

check: setup ## Lint, formatting, types, import rules, locks
	@for step in "ruff check" "ruff format --check" "mypy" "lint-imports" "python -m infra.locks --check"; do \
		if report=$$(.venv/bin/$$step 2>&1); then echo "ok      $$step"; \
		else printf '%s\nfailed  %s\n' "$$report" "$$step"; failed=1; fi; \
	done; test -z "$$failed"

bench: setup ## Measure latency, throughput and cold start, each beside its peer
	@.venv/bin/python -m tests.bench

bench-render: setup ## Measure renders beside one ffmpeg pass and other renderers; ARGS="--rounds 1 --clips 6"
	@.venv/bin/python -m tests.bench.render $(ARGS)

bundle: setup ## Stage build/functions, which every function is deployed from
	@.venv/bin/python -m infra.bundle

docs: setup ## Rewrite the generated tables of functions/README.md
	@.venv/bin/python -m infra.readme_tables

lock: setup ## Compile requirements/*.lock; UPGRADE=1 takes the newest versions
	@.venv/bin/python -m infra.locks $(if $(UPGRADE),--upgrade)

clean: ## Remove what make made: .venv, build and caches, but nobody's data
	@rm -rf .venv build .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find functions infra schemas tests worker -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
		echo "deskrun needs Python 3.11 or newer, and $(PYTHON) is not. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv from requirements/dev.lock, once: about a minute."
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }
	@$(PIP) --require-hashes -r requirements/dev.lock
	@$(PINS) > .venv/pins

project:
	@$(PIP) --no-build-isolation --no-deps --editable .
	@cp pyproject.toml .venv/pyproject.toml
