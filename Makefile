# `make help` lists the targets: every line with a `##` behind a target is its help.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	# torch by its exact version: that is the CPU build, a range would bring gigabytes of CUDA
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.PHONY: help setup browser demo test lint types layers fmt pytest bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## install into .venv

browser: ## Chromium, for the tests of report.html: installed where apt and its rights are at hand
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	  && apt-get -qq update >/dev/null 2>&1; \
	  apt-get -qq install -y --no-install-recommends chromium >/dev/null 2>&1; } \
	|| echo "no Chromium here: the tests that open report.html in a browser are skipped (Debian: apt-get install chromium)"

demo: setup ## compile recipes/smollm2-chat.opt to a verdict
	$(BIN)/infopt-compile recipes/smollm2-chat.opt

test: setup browser lint types layers pytest ## everything that CI checks

lint: setup ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy --strict
	$(BIN)/mypy

layers: setup ## the import directions of the design
	$(BIN)/lint-imports

pytest: setup ## the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

fmt: setup ## format Python and recipes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/infopt-compile fmt recipes/*.opt

bench: setup ## the table of docs/benchmarks.md, measured here (about 20 minutes)
	$(BIN)/python -m benchmarks.smollm2

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
