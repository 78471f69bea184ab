"""Write what a training left into the run's folder, run.json last."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
import safetensors.torch

from pgstudy.experiment.provenance.identity import numeric_identity
from pgstudy.experiment.store.record import (
    FAILED,
    INTERRUPTED,
    Provenance,
)
from pgstudy.experiment.store.runs import (
    EPISODES,
    FILES,
    MILESTONES,
    POLICY,
    UPDATES,
    Run,
)
from pgstudy.experiment.system.addresses import without_folders
from pgstudy.experiment.system.files import (
    canonical_json,
    file_digest,
    write_atomically,
)
from pgstudy.learning.environments.faults import fault
from pgstudy.learning.results import Training
from pgstudy.learning.rollouts.columns import Column

# With its first column pyarrow imports pandas and more: not in each run's process.
pa.array(np.zeros(1))


def save(run: Run, training: Training, made: Provenance) -> None:
    """Write a run's files, `run.json` last; from then on the run is complete."""
    _write_table(run.folder / UPDATES, training.updates)
    _write_table(run.folder / EPISODES, training.episodes)
    write_atomically(
        run.folder / POLICY,
        lambda p: safetensors.torch.save_file(
            dict(training.policy), p, _metadata(run, training)
        ),
    )
    write_atomically(
        run.folder / MILESTONES,
        lambda p: safetensors.numpy.save_file(dict(training.milestones), p),
    )
    run.write_record(
        run.recorded(
            made,
            training.status,
            stopped_at=training.stopped_at,
            reason=training.reason,
            updates=len(training.updates["update"]),
            env_steps=int(training.episodes["length"].sum()),
            episodes=len(training.episodes["length"]),
            evaluation={k: v.tolist() for k, v in training.evaluation.items()},
            global_generators=list(training.global_generators),
            warnings=list(training.warnings),
            digest=training.digest(),
            files={name: file_digest(run.folder / name) for name in FILES},
        )
    )


def _metadata(run: Run, training: Training) -> dict[str, str]:
    """What a policy's file says of itself, where it lies without its run.json.

    One key: safetensors writes several in an order that changes from call to call.
    """
    cell, returns = run.cell, training.evaluation["final"]
    facts = {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "seed": run.seed,
        "key": run.key,
        "specification": cell.specification.to_dict(),
        "evaluation_return": float(returns.mean()) if len(returns) else None,
        "versions": numeric_identity(),
    }
    return {"pgstudy": canonical_json(facts)}


def save_failure(run: Run, error: BaseException, made: Provenance) -> None:
    """Keep a run that raised, with the reason; it will be tried again."""
    text = without_folders("".join(traceback.format_exception(error)))
    run.write_record(
        run.recorded(made, FAILED, reason=reason_of(error), traceback=text)
    )


def save_interruption(run: Run, reason: str, made: Provenance) -> None:
    """Say why a run was cut short; it goes on from its checkpoint."""
    run.write_record(run.recorded(made, INTERRUPTED, reason=reason))


def reason_of(error: BaseException) -> str:
    """Why a run failed, in a line or two."""
    if isinstance(error, Exception):
        return without_folders(str(error)) or type(error).__name__
    return str(fault(error))


def _write_table(path: Path, columns: Mapping[str, Column]) -> None:
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    write_atomically(path, lambda p: pq.write_table(table, p))
