"""Train a block of runs and write each into the store, one after the other."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
import safetensors.torch

from pgstudy.experiment.provenance import identity as provenance
from pgstudy.experiment.store import checkpoints
from pgstudy.experiment.store.runs import (
    EPISODES,
    FILES,
    MILESTONES,
    POLICY,
    UPDATES,
    Run,
    Store,
)
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.system.addresses import without_folders
from pgstudy.experiment.system.files import file_digest, write_atomically
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.experiment.training import progress
from pgstudy.learning.environments.spaces import fault
from pgstudy.learning.estimators.gradients import THREADS
from pgstudy.learning.reinforce import Trainer, train
from pgstudy.learning.results import Column, Training


def train_block(store: Store, block: Block) -> list[Run]:
    """Train the runs of a block that are not complete. Returns those that failed.

    A run that another process trains is waited for. Errors: OSError.
    """
    failed = []
    for run in store.missing(block):
        with _held(store.lock(run), run):
            if not run.is_complete() and not _train(store, run):
                failed.append(run)
    return failed


@contextlib.contextmanager
def _held(lock: filelock.FileLock, run: Run) -> Iterator[None]:
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        print(f"waiting for the process that trains {run.name}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _train(store: Store, run: Run) -> bool:
    """Train one run, from its checkpoint if there is one. False if it failed."""
    _clear(store, run)
    saved = checkpoints.read(run)
    unit = run.cell.specification.budget.unit
    spent = saved.snapshot["history"]["spent"][unit] if saved else 0
    started, before = time.time(), saved.seconds if saved else 0.0
    provenance.describe()  # once for all runs of the block
    trained: bool
    word: str
    with progress.Reporter(store, run, spent) as reporter:
        try:
            trained, word = in_child(lambda: _train_from(saved, run, reporter))
        except Died as death:  # the environment took its process along
            if run.is_complete():  # its numbers were saved before that
                return True
            seconds = before + time.time() - started
            trained, word = False, _fail(run, death, _made(started, seconds))
    if word:
        print(word, file=sys.stderr)
    return trained


def _train_from(
    saved: checkpoints.Saved | None, run: Run, reporter: progress.Reporter
) -> tuple[bool, str]:
    """Train and save a run. Returns whether it is complete, and what to say of it."""
    run = replace(run, folder=run.folder.absolute())
    keeper = checkpoints.Keeper(run, saved.seconds if saved else 0.0)
    started = time.time()
    reporter.restart()

    def after_update(trainer: Trainer) -> None:
        keeper(trainer)
        reporter(trainer)

    try:
        state = saved.snapshot if saved else None
        with contextlib.chdir(os.getcwd()):  # back, wherever an environment goes
            training = train(run.cell.specification, run.seed, state, after_update)
    except BaseException as error:  # an environment may raise anything, to SystemExit
        return False, _fail(run, error, _made(started, keeper.seconds()))
    save(run, training, _made(started, keeper.seconds(), resumed=saved is not None))
    checkpoints.remove(run)
    words = [f"warning: {run.name}: {warning}" for warning in training.warnings]
    if training.status != "finished":
        words.append(_early_end(run, training))
    return True, "\n".join(words)


def _fail(run: Run, error: BaseException, made: Mapping[str, Any]) -> str:
    """Keep a failed run. Returns the word of it."""
    save_failure(run, error, made)
    return f"failed: {run.name}: {_reason(error)}"


def _reason(error: BaseException) -> str:
    if isinstance(error, Exception):
        return without_folders(str(error)) or type(error).__name__
    return str(fault(error))


def _clear(store: Store, run: Run) -> None:
    """Set a damaged run aside, and remove what a kill left half-written."""
    if damaged := run.damaged():
        place = store.set_aside(run)
        print(
            f"{run.name}: {damaged} is damaged; set aside in {place}, trained again",
            file=sys.stderr,
        )
    for left in run.folder.glob(".*"):
        left.unlink()


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


def _made(started: float, seconds: float, resumed: bool = False) -> dict[str, Any]:
    return {
        "made_by": provenance.describe() | {"threads": THREADS},
        "started": started,
        "seconds": seconds,
        "resumed": resumed,
    }


def save(run: Run, training: Training, made: Mapping[str, Any]) -> None:
    """Write a run's files, `run.json` last; from then on the run is complete."""
    _write_table(run.folder / UPDATES, training.updates)
    _write_table(run.folder / EPISODES, training.episodes)
    write_atomically(
        run.folder / POLICY,
        lambda p: safetensors.torch.save_file(dict(training.policy), p),
    )
    write_atomically(
        run.folder / MILESTONES,
        lambda p: safetensors.numpy.save_file(dict(training.milestones), p),
    )
    summary = {
        "status": training.status,
        "stopped_at": training.stopped_at,
        "reason": training.reason,
        "updates": len(training.updates["update"]),
        "env_steps": int(training.episodes["length"].sum()),
        "episodes": len(training.episodes["length"]),
        "evaluation": {k: v.tolist() for k, v in training.evaluation.items()},
        "global_generators": list(training.global_generators),
        "warnings": list(training.warnings),
        "digest": training.digest(),
        "files": {name: file_digest(run.folder / name) for name in FILES},
    }
    run.write_record(_identity(run) | summary | dict(made))


def save_failure(run: Run, error: BaseException, made: Mapping[str, Any]) -> None:
    """Keep a run that raised, with the reason; it will be tried again."""
    text = without_folders("".join(traceback.format_exception(error)))
    failure = {"status": "failed", "reason": _reason(error), "traceback": text}
    run.write_record(_identity(run) | failure | dict(made))


def _identity(run: Run) -> dict[str, Any]:
    return {
        "environment": run.cell.environment,
        "estimator": run.cell.estimator,
        "n": run.cell.n,
        "seed": run.seed,
        "key": run.key,
        "made_of": run.cell.identity.environment,
        "specification": run.cell.specification.to_dict(),
    }


def _write_table(path: Path, columns: Mapping[str, Column]) -> None:
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    write_atomically(path, lambda p: pq.write_table(table, p))
