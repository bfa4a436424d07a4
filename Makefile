# `make lab` opens the course, `make test` checks everything; `make help` lists the rest.
# Only Python 3.11 or newer and make are needed. Another Python: make lab PYTHON=python3.13

SHELL := /bin/sh
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet --quiet
PACKAGE := pyproject.toml hatch_build.py jupyter/overrides.json
WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: help lab doctor test lint types unit build check-build notebooks browser screenshot chromium \
	bench pythons lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | awk -F': ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

lab: $(VENV)/.lab ## set up what is missing and open JupyterLab on the course
	@exec $(BIN)/vcloud-lab lab $(LAB_ARGS)

doctor: $(VENV)/.lab ## say what works on this machine
	@$(BIN)/vcloud-lab doctor

test: lint types check-build unit notebooks browser ## set up and run every check

lint: $(VENV)/.dev ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict on the package
	$(BIN)/mypy

unit: $(VENV)/.dev ## the tests of the package
	@tests/tools
	$(PY) -m pytest tests --ignore=tests/browser -n $(WORKERS) --dist loadscope $(PYTEST_ARGS)

build: $(VENV)/.dev ## build and execute the notebooks from authoring/
	$(PY) authoring/build.py

check-build: $(VENV)/.dev ## rebuild the notebooks and compare them with the committed ones
	$(PY) authoring/build.py --check

notebooks: $(VENV)/.dev ## run every notebook again and compare its outputs
	VCLOUD_LAB_PROGRESS=off $(PY) -m pytest --nbval --nbval-current-env -p no:cacheprovider \
		-n $(WORKERS) --dist loadscope notebooks exercises solutions

browser: $(VENV)/.dev chromium ## drive the course in a real browser
	$(PY) -m pytest tests/browser $(PYTEST_ARGS)

screenshot: $(VENV)/.dev chromium ## draw the picture of the README again
	VCLOUD_LAB_PICTURE=docs/scheduling.png $(PY) -m pytest tests/browser -k picture_of_the_readme

chromium:
	@tests/browser/provision

bench: $(VENV)/.dev ## measure speed against other programs, as ratios in one run
	$(PY) benchmarks/run.py

pythons: $(VENV)/.dev ## the fast tests on every other supported Python found here
	@tests/pythons $(BIN)/uv

lock: $(VENV)/.dev ## compute requirements/*.txt again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links $(LOCK_ARGS) \
		pyproject.toml --extra dev --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --constraints requirements/dev.txt \
		pyproject.toml requirements/build.in --output-file requirements/lab.txt

clean: ## remove the environments and caches (never your notebooks or progress)
	rm -rf $(VENV) .venv-3.* dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# ---- the environment -------------------------------------------------------

# The stamp comes last, so that an interrupted step is done again.
$(VENV)/.made:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
		for name in python3 python3.13 python3.12 python3.11 python; do \
			if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
			then python=$$name; break; fi; \
		done; \
	fi; \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or newer was found: install one, or name it with 'make PYTHON=/path/to/python3.12 ...'." >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c '' 2>/dev/null; then \
		echo "PYTHON=$$python does not run: give the name or path of a Python 3.11 or newer." >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "PYTHON=$$python is $$("$$python" --version 2>&1): the course needs Python 3.11 or newer." >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "$$python cannot make virtual environments: on Debian or Ubuntu run 'sudo apt install python$$version-venv', then try again." >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version)."; \
	"$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.lab: requirements/lab.txt $(PACKAGE) | $(VENV)/.made
	@echo "Installing the locked packages of the course (once, a minute or two)."
	@$(PIP) install --require-hashes -r requirements/lab.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(PACKAGE) | $(VENV)/.made
	@echo "Installing the locked packages of the course and its checks (once, a few minutes)."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
