# Two commands matter: `make run` and `make test`. The rest are their steps.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lock install checks format-check lint types imports tests test-flaskbb coverage wheel left-out format clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input
LOCK := uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --no-header --python-version 3.11
# A name on the path is not enough: a shim may stand for nothing, and Debian sells venv and pip separately.
PYTHON := $(shell for one in python3.13 python3.12 python3.11 python3; do \
	$$one -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$one && break; done)

help:
	@echo "make run    a practice forum, its desk and its summaries, on this machine only"
	@echo "make test   every check; CI=true makes a failure of what would be left out"
	@echo "make test-flaskbb   the plugin for FlaskBB, in a real FlaskBB (Python 3.12 or 3.13)"
	@echo "make lock   pin the dependencies anew, after a change in pyproject.toml (needs uv)"

run: $(VENV)/installed
	@$(BIN)/manyvoices migrate >/dev/null
	@exec $(BIN)/manyvoices serve --practice

# The tests wait now and then for one another; the rest uses that time. FlaskBB where nobody may leave it out.
test: left-out
	@$(MAKE) --no-print-directory --jobs 4 tests checks wheel $(if $(MANYVOICES_REQUIRE_FLASKBB),test-flaskbb)
	@$(MAKE) --no-print-directory left-out
	@echo "All checks passed."

install: $(VENV)/installed

$(VENV)/installed: requirements.txt requirements-build.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Many Voices needs Python 3.11 or later with venv (on Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@echo "Setting up $(VENV), once ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --require-hashes -r requirements-build.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-for-tests: $(VENV)/installed requirements-test.txt
	@$(PIP) --require-hashes -r requirements-test.txt
	@touch $@

checks: format-check lint types imports

format-check: $(VENV)/installed-for-tests
	@$(BIN)/ruff format --check --quiet .

lint: $(VENV)/installed-for-tests
	@$(BIN)/ruff check --quiet .

types: $(VENV)/installed-for-tests
	@$(BIN)/mypy

imports: $(VENV)/installed-for-tests
	@$(BIN)/lint-imports

# FlaskBB is a target of its own: one process starts one forum.
tests: $(VENV)/installed-for-tests
	@$(BIN)/python -m pytest --quiet --numprocesses 4 --dist worksteal $(if $(MANYVOICES_REQUIRE_FLASKBB),--ignore tests/test_flaskbb.py)

# A real forum, in an environment of its own (Python 3.12 or 3.13).
test-flaskbb: $(VENV)/installed-for-tests
	@MANYVOICES_REQUIRE_FLASKBB=1 $(BIN)/python -m pytest --quiet -p no:cacheprovider tests/test_flaskbb.py

coverage: $(VENV)/installed-for-tests
	@$(BIN)/python -m pytest --quiet --numprocesses 4 --dist worksteal --cov --cov-report term:skip-covered

wheel: $(VENV)/installed-for-tests
	@.ci/wheel $(BIN)/python

# Said at the beginning, and once more at the end where nobody overlooks it.
left-out:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	test -z "$$missing" || { \
		echo "LEFT OUT: the tests that need$$missing (on Debian: apt install$$missing)." >&2; \
		test "$$CI" != true; }

format: $(VENV)/installed-for-tests
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

# Hashes for every platform, and no address of an index: whoever installs chooses where from.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	@$(LOCK) pyproject.toml --output-file requirements.txt
	@$(LOCK) pyproject.toml --extra test --extra train --constraint requirements.txt --output-file requirements-test.txt
	@echo "setuptools>=80" | $(LOCK) - --output-file requirements-build.txt

clean:
	@rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
