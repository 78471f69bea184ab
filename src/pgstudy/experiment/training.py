"""Train a block of runs and write each into the store, one after the other."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.torch

from pgstudy.experiment import provenance
from pgstudy.experiment.runs import (
    EPISODES,
    POLICY,
    UPDATES,
    Run,
    Store,
    write_atomically,
    write_json,
)
from pgstudy.experiment.study import Block
from pgstudy.learning.reinforce import THREADS, train
from pgstudy.learning.results import Column, Training


def train_block(store: Store, block: Block) -> list[Run]:
    """Train the runs of a block that are not complete. Returns those that failed."""
    failed = []
    for run in store.missing(block):
        started = time.time()
        try:
            training = train(run.cell.specification, run.seed)
        except Exception as error:  # an environment may raise anything
            save_failure(run, error, _made(started))
            print(f"failed: {run.name}: {error}", file=sys.stderr)
            failed.append(run)
            continue
        save(run, training, _made(started))
        if training.status != "finished":
            print(_early_end(run, training), file=sys.stderr)
    return failed


def _early_end(run: Run, training: Training) -> str:
    specification = run.cell.specification
    rates = f"optimizer.learning_rate {specification.optimizer.learning_rate:g}"
    if specification.estimator.value is not None:
        rates += (
            f", value.learning_rate {specification.estimator.value.learning_rate:g}"
        )
    return (
        f"{training.status}: {run.name}: {training.reason}, at update "
        f"{training.stopped_at} "
        f"({rates}); its curve ends there"
    )


def _made(started: float) -> dict[str, Any]:
    return {
        "made_by": provenance.describe() | {"threads": THREADS},
        "started": started,
        "seconds": time.time() - started,
    }


def save(run: Run, training: Training, made: Mapping[str, Any]) -> None:
    """Write a run's files, `run.json` last; from then on the run is complete."""
    _write_table(run.folder / UPDATES, training.updates)
    _write_table(run.folder / EPISODES, training.episodes)
    write_atomically(
        run.folder / POLICY,
        lambda p: safetensors.torch.save_file(dict(training.policy), p),
    )
    summary = {
        "status": training.status,
        "stopped_at": training.stopped_at,
        "reason": training.reason,
        "updates": len(training.updates["update"]),
        "env_steps": int(training.episodes["length"].sum()),
        "episodes": len(training.episodes["length"]),
        "evaluation": {k: v.tolist() for k, v in training.evaluation.items()},
        "digest": training.digest(),
    }
    write_json(run.folder / "run.json", _identity(run) | summary | dict(made))


def save_failure(run: Run, error: Exception, made: Mapping[str, Any]) -> None:
    """Keep a run that raised, with the reason; it will be tried again."""
    text = "".join(traceback.format_exception(error))
    failure = {"status": "failed", "reason": str(error), "traceback": text}
    write_json(run.folder / "run.json", _identity(run) | failure | dict(made))


def _identity(run: Run) -> dict[str, Any]:
    return {
        "environment": run.cell.environment,
        "estimator": run.cell.estimator,
        "n": run.cell.n,
        "seed": run.seed,
        "key": run.cell.key(run.seed),
        "specification": run.cell.specification.to_dict(),
    }


def _write_table(path: Path, columns: Mapping[str, Column]) -> None:
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    write_atomically(path, lambda p: pq.write_table(table, p))
