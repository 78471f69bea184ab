"""What a snakemake call is to train, for whoever watches it.

The file is beside those of the runs that train (`training.progress`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import write_json

PLAN = "plan.json"


@dataclass(frozen=True)
class Planned:
    """A run that a call is to train; `folder` is below the results folder."""

    key: str
    name: str
    folder: str
    unit: str
    amount: int


@dataclass(frozen=True)
class Plan:
    """What a snakemake call is to train. `pid` and `birth` say which process it is."""

    study: str
    started: float
    pid: int
    birth: str
    runs: list[Planned]

    def is_at_work(self) -> bool:
        """Whether the call still runs; its lock is not touched to know it."""
        return self.birth != "" and birth(self.pid) == self.birth


def write_plan(folder: StudyFolder, runs: Iterable[Run]) -> None:
    """Say what the snakemake call in this process is to train. Errors: OSError."""
    results = folder.store.results
    planned = [
        Planned(
            run.key,
            run.name,
            folder=str(run.folder.relative_to(results)),
            unit=run.cell.specification.budget.unit,
            amount=run.cell.specification.budget.amount,
        )
        for run in runs
    ]
    pid = os.getpid()
    plan = Plan(folder.study.name, time.time(), pid, birth(pid), planned)
    write_json(results / places.PROGRESS / PLAN, asdict(plan))


def read_plan(results: Path) -> Plan | None:
    """The plan of the call that is at work; None if none is."""
    try:
        data = json.loads((results / places.PROGRESS / PLAN).read_text("utf-8"))
        plan = Plan(**data | {"runs": [Planned(**run) for run in data["runs"]]})
        return plan if plan.is_at_work() else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def birth(pid: int) -> str:
    """When a process began, in seconds since boot; empty if it is no more.

    Its number alone may be another's by now, or be kept for whoever waits for it. That
    the clock is set changes nothing. Errors: ValueError, TypeError if it is no number
    of a process.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.Error:
        return ""
