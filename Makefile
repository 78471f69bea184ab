# The project's commands. Each makes .venv from the lock file first, if need be.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= all
CONFIG ?= config/config.yaml
PORT ?= 5000
IMAGE ?= pgstudy:latest
DOCKER ?= docker
# the user of the image's jobs: root on Google Batch (docs/other-systems.md)
IMAGE_USER ?= pgstudy
# Tests kill processes, not machines: what was written is there without waiting for disks.
EATMYDATA := $(shell command -v eatmydata)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# pip would compile 20,000 modules, of which 4,000 are ever imported: these import them,
# and so compile them, for who may not write to .venv later.
COMPILED := import matplotlib.pyplot, mlflow.server.fastapi_app, scipy.stats, seaborn
COMPILED += , snakemake.cli, torch.onnx, pyarrow.parquet, pgstudy.cli.forkserver
unexport PYTHONDONTWRITEBYTECODE

.PHONY: study paper extras test lint format bench bench-peers image ui clean help

help:                ## say what each target does
	@grep -E '^[a-z-]+: .*##' Makefile | sed 's/:.*##/\t/'

# pip's scripts name their folder in a line for the shell, and PATH ends it at a colon
.venv/installed: requirements.lock pyproject.toml
	@case "$$PWD" in *[\"\$$\`\\:]*) echo "The project's folder is $$PWD: Python's \
	environments can't lie below a folder whose name has one of \" \$$ \` \\ : in it; \
	call it something else and try again." >&2; exit 1;; esac
	$(PYTHON) -m venv .venv
	pip install --quiet --no-compile -r requirements.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	python -W ignore -c "$(COMPILED)"
	touch $@

.venv/extras: .venv/installed requirements-extras.lock requirements-executors.lock
	pip install --quiet --no-compile -r requirements-extras.lock
	rm -rf .venv/executors
	pip install --quiet --no-compile --no-deps --target .venv/executors -r requirements-executors.lock
	touch $@

.venv-peers/installed: requirements.lock benchmarks/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet -r requirements.lock
	.venv-peers/bin/pip install --quiet -r benchmarks/peers.txt
	.venv-peers/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

study: .venv/installed  ## run the study of CONFIG (default config/config.yaml) on CORES
	snakemake --cores $(CORES) --configfile $(CONFIG)

paper: .venv/installed  ## published figures and our study of N; results/paper.pdf if LaTeX is here
	snakemake --cores $(CORES) --configfile config/sutton_barto.yaml
	snakemake --cores $(CORES) --configfile config/sample_counts.yaml
	paper/compile results

extras: .venv/extras  ## add box2d, mujoco, envpool, MinAtar, accounts for MLflow, SLURM, and S3

# Four workers for two cores: tests of kills and of clusters wait most of their time.
test: .venv/extras  ## run the test suite, real Snakemake and MLflow calls included
	$(EATMYDATA) pytest -n 4 --dist loadfile --no-loadscope-reorder --durations 10

lint: .venv/installed  ## ruff, mypy --strict on src, deptry, snakefmt, snakemake --lint, hadolint
	ruff format --check src tests benchmarks setup.py
	ruff check src tests benchmarks setup.py
	mypy
	deptry src
	snakefmt --check Snakefile workflow
	python tests/workflow/lint.py
	hadolint Dockerfile

format: .venv/installed  ## rewrite the code in the project's style
	ruff format src tests benchmarks setup.py
	ruff check --fix src tests benchmarks setup.py
	snakefmt Snakefile workflow

bench: .venv/extras  ## measure speed and memory; the table is for benchmarks/README.md
	python -m benchmarks.bench

bench-peers: .venv-peers/installed  ## the same training by other libraries, side by side
	.venv-peers/bin/python -m benchmarks.peers

image:               ## build the container image IMAGE for clusters without a shared disk
	$(DOCKER) build --tag $(IMAGE) --build-arg RUN_AS=$(IMAGE_USER) .

ui: .venv/installed  ## serve MLflow on loopback and print the link to open
	pgstudy ui --port $(PORT)

clean:               ## remove results and Snakemake's records, and keep .venv
	find results/ -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf .snakemake
