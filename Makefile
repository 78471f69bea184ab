# The project's commands. Each makes .venv from the lock file first, if need be.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= all
CONFIG ?= config/config.yaml
PORT ?= 5000
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: study test lint format bench ui clean help

help:                ## say what each target does
	@grep -E '^[a-z]+: .*##' Makefile | sed 's/:.*##/\t/'

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	pip install --quiet -r requirements.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

study: .venv/installed  ## run the study of CONFIG (default config/config.yaml) on CORES
	snakemake --cores $(CORES) --configfile $(CONFIG)

test: .venv/installed  ## run the test suite, real Snakemake and MLflow calls included
	pytest

lint: .venv/installed  ## ruff, mypy --strict on src, snakefmt, snakemake --lint
	ruff format --check src tests benchmarks
	ruff check src tests benchmarks
	mypy
	snakefmt --check Snakefile workflow
	python tests/workflow/lint.py

format: .venv/installed  ## rewrite the code in the project's style
	ruff format src tests benchmarks
	ruff check --fix src tests benchmarks
	snakefmt Snakefile workflow

bench: .venv/installed  ## measure speed and memory; the table is for benchmarks/README.md
	python benchmarks/bench.py

ui: .venv/installed  ## serve MLflow on loopback and print the link to open
	pgstudy ui --port $(PORT)

clean:               ## remove results and Snakemake's records, and keep .venv
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf .snakemake
