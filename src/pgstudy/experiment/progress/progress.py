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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import filelock
import numpy as np
import psutil

from pgstudy.experiment.progress.plan import PLAN
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.system import places, slurm
from pgstudy.experiment.system.files import file_system_time

if TYPE_CHECKING:
    from pgstudy.learning.reinforce import Trainer
    from pgstudy.learning.results import History

SECONDS = 2.0  # between two writes of a run
FRESH = 15.0  # a file older than this needs its run's lock to be believed
POINTS = 250

Row = tuple[int, int, float]  # update, env_steps, mean_return


@dataclass(frozen=True)
class Progress:
    """How far a run is. `before` was spent when this process took the run up.

    `pid` is the process that trains it, on a `host` and in a `job` of a cluster, if it
    is in one, with `rss_mb` of memory; `moved` is when its last update ended that is
    known of. Both times are seconds since 1970.
    """

    name: str
    environment: str
    estimator: str
    n: int
    seed: int
    key: str
    unit: str
    amount: int
    before: int
    spent: int
    env_steps: int
    started: float
    curve: list[Row]
    pid: int
    moved: float
    host: str
    job: str
    rss_mb: int
    interrupted: bool


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
        lengths = np.array(history.lengths[seen:])
        steps = self.env_steps + lengths.reshape(total - seen, -1).sum(1).cumsum()
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
            if not _interrupted(self._path):
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


def running(results: Path) -> list[Progress]:
    """The runs that some process trains now."""
    now = file_system_time(results / places.PROGRESS) / 1e9
    return [
        state
        for file, state in _every(results).items()
        if not state.interrupted and _is_trained(file, results, now)
    ]


def not_running(results: Path) -> dict[Path, Progress]:
    """What killed or interrupted processes left, by its file."""
    return {
        file: state
        for file, state in _every(results).items()
        if not _is_held(results / places.LOCKS / file.stem)
    }


def _every(results: Path) -> dict[Path, Progress]:
    files = sorted((results / places.PROGRESS).glob("[!.]*.json"))
    found = {file: _read(file) for file in files if file.name != PLAN}
    return {file: state for file, state in found.items() if state is not None}


def _read(file: Path) -> Progress | None:
    try:
        return Progress(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):  # it ended, or is not what we write
        return None


def _interrupted(file: Path) -> bool:
    state = _read(file)
    return state is not None and state.interrupted


def _is_trained(file: Path, results: Path, now: float) -> bool:
    """Whether a process trains the run; one update may take longer than `FRESH`."""
    try:
        fresh = now - file.stat().st_mtime < FRESH
    except OSError:
        return False
    return fresh or _is_held(results / places.LOCKS / file.stem)


def _is_held(lock: Path) -> bool:
    try:
        with filelock.FileLock(lock, blocking=False):
            return False
    except filelock.Timeout:
        return True
