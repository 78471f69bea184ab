"""Every name that something of ours writes directly below results/.

A study's folder lies there too, so that no study may be called so.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parents[1]  # the folder of the project

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
