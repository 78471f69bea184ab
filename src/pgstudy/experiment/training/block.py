"""Train a block of runs and write each into the store, one after the other."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import filelock

from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store import checkpoints
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.experiment.training import progress
from pgstudy.experiment.training.saving import reason_of, save, save_failure
from pgstudy.learning import dispatch
from pgstudy.learning.estimators.gradients import THREADS
from pgstudy.learning.reinforce import Trainer, train
from pgstudy.learning.results import Training

UNPINNED = (
    "these runs have the bits of this processor alone: numpy or torch was imported "
    "before pgstudy, or the processor lacks AVX2"
)


def train_block(store: Store, block: Block) -> list[Run]:
    """Train the runs of a block that are not complete. Returns those that failed.

    A run that another process trains is waited for. Errors: OSError.
    """
    if dispatch.state() == dispatch.AS_FOUND:
        print(UNPINNED, file=sys.stderr)
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
    describe()  # once for all runs of the block
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


def _fail(run: Run, error: BaseException, made: Provenance) -> str:
    """Keep a failed run. Returns the word of it."""
    save_failure(run, error, made)
    return f"failed: {run.name}: {reason_of(error)}"


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


def _made(started: float, seconds: float, resumed: bool = False) -> Provenance:
    made_by = describe() | {"threads": THREADS}
    return Provenance(
        made_by=made_by, started=started, seconds=seconds, resumed=resumed
    )
