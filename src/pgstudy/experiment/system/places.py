"""Where the project's files lie, and every name that it writes directly below results/.

A study's folder lies there too, so that no study may be called so.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
# A wheel has the Snakefile, the rules, the schemas, the profiles and the studies inside
# the package (setup.py); in a checkout they lie at its top, with all else.
INSTALLED = (PACKAGE / "project").is_dir()
ROOT = PACKAGE / "project" if INSTALLED else PACKAGE.parents[1]
SNAKEFILE = ROOT / "Snakefile"

RUNS, MANIFESTS, LOCKS, SET_ASIDE = "runs", "manifests", "locks", "set-aside"
LOGS, PROGRESS, INDEX, JOBS = "logs", "progress", "index", "jobs"
CALL_LOCK, MLFLOW_LOCK = ".call.lock", ".mlflow.lock"
MLFLOW, ARTIFACTS, STORE_ID = "mlflow.db", "mlartifacts", "store-id"
README, PAPER = "README.md", "paper.pdf"

TAKEN = (
    RUNS, MANIFESTS, LOCKS, SET_ASIDE, LOGS, PROGRESS, INDEX, JOBS, CALL_LOCK,
    MLFLOW_LOCK, ARTIFACTS, STORE_ID, README, PAPER,
    MLFLOW, *(f"{MLFLOW}-{ending}" for ending in ("journal", "wal", "shm")),
)  # fmt: skip

# The variable with the name of a fork server's socket (`pgstudy.launch`).
FORKSERVER = "PGSTUDY_FORKSERVER"


def forkservers() -> str:
    """How the names begin of fork servers for this process.

    A cluster's job may come to the machine of a call, and uses no process of that.
    """
    return f"pgstudy-{os.environ.get('SLURM_JOB_ID', '')}-"
