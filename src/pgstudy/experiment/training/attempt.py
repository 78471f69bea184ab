"""A run that is being trained: its checkpoint, its progress, and how it ended."""

from __future__ import annotations

import socket
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pgstudy.experiment.progress import progress
from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store import checkpoints
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.system import slurm
from pgstudy.experiment.training.ending import Ending
from pgstudy.experiment.training.saving import (
    reason_of,
    save,
    save_failure,
    save_interruption,
)
from pgstudy.learning.estimators.gradients import THREADS
from pgstudy.learning.results import Training

if TYPE_CHECKING:
    from pgstudy.learning.reinforce import Snapshot, Trainer


class Attempt:
    """From the run's checkpoint on, if there is one.

    What a kill left half-written is removed, and a damaged run set aside. `share`: see
    `checkpoints.Keeper`. Errors: OSError.
    """

    def __init__(self, store: Store, run: Run, share: float = 1.0) -> None:
        _clear(store, run)
        saved = checkpoints.read(run)
        before = saved.seconds if saved else 0.0
        self.run = replace(run, folder=run.folder.absolute())
        self.snapshot: Snapshot | None = saved.snapshot if saved else None
        unit = run.cell.specification.budget.unit
        spent = saved.snapshot["history"]["spent"][unit] if saved else 0
        self.reporter = progress.Reporter(store, run, spent)
        self._keeper = checkpoints.Keeper(self.run, before, share)
        self._started = time.time()
        self._ending: Ending | None = None
        self._interrupted = False

    def begin(self, ending: Ending) -> None:
        """Called in the process that trains the run, before it does."""
        self._ending = ending
        self.reporter.restart()

    def after_update(self, trainer: Trainer) -> None:
        """Keep a checkpoint, and say how far the run is, if it is time.

        Errors: Interrupted, once a signal asked the process to end.
        """
        if self._ending and self._ending.name:
            if not self._interrupted:
                self._interrupt(trainer, self._ending)
            self._ending.check()
        self._keeper(trainer)
        self.reporter(trainer)

    def _interrupt(self, trainer: Trainer, ending: Ending) -> None:
        self._interrupted = True
        kept = self._keeper.keep(trainer)
        word = f"ended by {ending.name} after update {trainer.spent['updates']}"
        word += "" if kept else "; its state can't be kept, so it starts again"
        save_interruption(self.run, word, self._made())
        self.reporter.interrupt(trainer)
        print(f"interrupted: {self.run.name}: {word}", file=sys.stderr)
        ending.count()

    def complete(self, training: Training) -> str:
        """Save what the training left. Returns what to say of it; may be empty."""
        run = self.run
        save(run, training, self._made())
        checkpoints.remove(run)
        if self._ending and not self._interrupted:
            self._ending.count()
        words = [f"warning: {run.name}: {warning}" for warning in training.warnings]
        if training.status != "finished":
            words.append(_early_end(run, training))
        return "\n".join(words)

    def fail(self, error: BaseException) -> str:
        """Keep a run that raised. Returns the word of it."""
        self.reporter.restart()  # whatever it said before, it is not interrupted
        save_failure(self.run, error, self._made())
        return f"failed: {self.run.name}: {reason_of(error)}"

    def _made(self) -> Provenance:
        return Provenance(
            made_by=describe() | {"threads": THREADS},
            started=self._started,
            seconds=self._keeper.seconds(),
            resumed=self.snapshot is not None,
            host=socket.gethostname(),
            job=slurm.job(),
        )


def _clear(store: Store, run: Run) -> None:
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
        f"{training.stopped_at} ({rates}); its curve ends there"
    )
