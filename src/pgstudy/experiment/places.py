"""Every name that something of ours writes directly below results/.

A study's folder lies there too, so that no study may be called so.
"""

from __future__ import annotations

RUNS, MANIFESTS, LOCKS, SET_ASIDE = "runs", "manifests", "locks", "set-aside"
LOGS, PROGRESS = "logs", "progress"
CALL_LOCK, MLFLOW_LOCK = ".call.lock", ".mlflow.lock"
MLFLOW, ARTIFACTS = "mlflow.db", "mlartifacts"
README, PAPER = "README.md", "paper.pdf"

TAKEN = (
    RUNS, MANIFESTS, LOCKS, SET_ASIDE, LOGS, PROGRESS, CALL_LOCK, MLFLOW_LOCK,
    MLFLOW, *(f"{MLFLOW}-{ending}" for ending in ("journal", "wal", "shm")),
    ARTIFACTS, README, PAPER,
)  # fmt: skip
