"""How far runs are: a small file for each that trains.

These files are for people who watch. No result depends on them, and a disk that takes
none of them is no reason to stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from typing import TYPE_CHECKING, Self

import numpy as np
import psutil

from pgstudy.experiment.progress.states import Progress, Row, read_state
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.system import places, slurm

if TYPE_CHECKING:
    from pgstudy.learning.reinforce import Trainer
    from pgstudy.learning.results import History

SECONDS = 2.0  # between two writes of a run
POINTS = 250


class Curve:
    """Each k-th update of a history; k doubles when there would be too many."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.env_steps = 0
        self._seen, self._stride = 0, 1

    def extend(self, history: History) -> None:
        """Take in what is new; the cost is that of the new updates."""
        seen, total = self._seen, len(history.lengths)
        if total == seen:
            return
        lengths = np.array([each.sum() for each in history.lengths[seen:]])
        steps = self.env_steps + lengths.cumsum()
        while total // self._stride > POINTS:
            self._stride *= 2
        self.rows = [row for row in self.rows if row[0] % self._stride == 0]
        first = seen + self._stride - seen % self._stride
        for update in range(first, total + 1, self._stride):
            mean = float(history.returns[update - 1].mean())
            self.rows.append((update, int(steps[update - seen - 1]), mean))
        self._seen, self.env_steps = total, int(steps[-1])


class Reporter:
    """Called after each update; says every few seconds how far the run is.

    Its file is there from entering to leaving. After a kill or an interruption it stays
    for `lost.settle`.
    """

    def __init__(self, store: Store, run: Run, before: int) -> None:
        self._run, self._before = run, before
        key = run.key
        # absolute: an environment may change the working folder
        self._path = (store.results / places.PROGRESS / f"{key}.json").absolute()
        self._temporary = self._path.with_name(f".{key}")
        self._started = time.time()
        self._curve = Curve()
        self._due = 0.0
        self._facts = {"host": socket.gethostname(), "job": slurm.job()}

    def __enter__(self) -> Self:
        self._write(self._before)
        return self

    def restart(self) -> None:
        """Another process, forked from the one that entered, trains the run."""
        self._write(self._before)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)
            state = read_state(self._path)
            if state is None or not state.interrupted:
                self._path.unlink(missing_ok=True)

    def __call__(self, trainer: Trainer) -> None:
        """Write if it is time; nothing of the trainer is changed."""
        if time.monotonic() < self._due:
            return
        self._curve.extend(trainer.history)
        self._write(self._spent(trainer))

    def interrupt(self, trainer: Trainer) -> None:
        """The run goes on in another process, some time."""
        self._write(self._spent(trainer), interrupted=True)

    def _spent(self, trainer: Trainer) -> int:
        return trainer.spent[self._run.cell.specification.budget.unit]

    def _write(self, spent: int, interrupted: bool = False) -> None:
        cell, budget = self._run.cell, self._run.cell.specification.budget
        state = Progress(
            name=self._run.name,
            environment=cell.environment,
            estimator=cell.estimator,
            n=cell.n,
            seed=self._run.seed,
            key=self._path.stem,
            unit=budget.unit,
            amount=budget.amount,
            before=self._before,
            spent=spent,
            env_steps=self._curve.env_steps,
            started=self._started,
            curve=self._curve.rows,
            pid=os.getpid(),
            moved=time.time(),
            rss_mb=psutil.Process().memory_info().rss // 2**20,
            interrupted=interrupted,
            **self._facts,
        )
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # not synced to the disk: after a power cut nobody asks for it
            self._temporary.write_text(json.dumps(vars(state)), "utf-8")
            self._temporary.replace(self._path)
        self._due = time.monotonic() + SECONDS
