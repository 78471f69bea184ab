"""How far a call is: its runs that ended, those that train, and the time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from pgstudy.experiment.progress.plan import Plan, Planned
from pgstudy.experiment.progress.states import Progress, running
from pgstudy.experiment.progress.wording import duration, fraction
from pgstudy.experiment.store.record import COMPLETE, read_unchecked
from pgstudy.experiment.system.files import names_in


@dataclass
class Watch:
    """What is known of a call; runs that are complete are not looked at again."""

    results: Path
    plan: Plan
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    stalled: set[str] = field(default_factory=set)
    jobs: list[Progress] = field(default_factory=list)
    share: float = 0.0
    seconds_left: float | None = None

    def __post_init__(self) -> None:
        runs = self.plan.runs
        # budgets count by their size where they can be compared
        alike = len({run.unit for run in runs}) == 1
        self._weights = {run.key: run.amount if alike else 1 for run in runs}
        self._whole = sum(self._weights.values()) or 1
        self._ended = 0
        self._left: dict[Path, dict[str, Planned]] = {}
        for run in runs:
            folder = self.results / run.folder
            self._left.setdefault(folder.parent, {})[folder.name] = run

    def look(self) -> None:
        """Bring everything up to date.

        The work is that of the runs that train, and of those that ended since the last
        look, but for a listing of each cell's folder.
        """
        self.jobs = running(self.results)
        for folder in self._made():
            self._look_at(folder)
        self._left = {place: runs for place, runs in self._left.items() if runs}
        spent = new = float(self._ended)
        for job in self.jobs:
            weight = 0 if self._has_ended(job.key) else self._weights.get(job.key, 0)
            spent += weight * fraction(job)
            new += weight * (fraction(job) - job.before / job.amount)
        self.share = spent / self._whole
        passed = time.time() - self.plan.started
        left = 1 - self.share
        self.seconds_left = passed * left * self._whole / new if new else None

    def is_over(self) -> bool:
        """Whether there is nothing left to train, or nobody who does."""
        ended = len(self.done) + len(self.failed) == len(self.plan.runs)
        return ended or not self.plan.is_at_work()

    def _has_ended(self, key: str) -> bool:
        return key in self.done or key in self.failed

    def _made(self) -> list[Path]:
        """The folders of runs that are there and not known to be complete.

        A run that nobody began has none: thousands of them are not looked for.
        """
        return [
            place / name
            for place, runs in self._left.items()
            for name in names_in(place)
            if name in runs
        ]

    def _look_at(self, folder: Path) -> None:
        record, run = read_unchecked(folder), self._left[folder.parent][folder.name]
        if record is None:
            return
        complete = record.status in COMPLETE
        if not complete and record.started < self.plan.started:
            return  # the failure of an earlier call
        if run.key not in self.failed:
            self._ended += self._weights[run.key]
        if complete:
            self.failed.discard(run.key)
            self.done.add(run.key)
            del self._left[folder.parent][folder.name]
        else:
            self.failed.add(run.key)

    def whole(self) -> str:
        """The line for the whole study."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        left = f", {duration(self.seconds_left)}" if self.share < 1 else ""
        return (
            f"{self.plan.study}: {len(self.done)} of {len(self.plan.runs)} runs"
            f"{failed}, {self.share:.0%} of the budgets{left}"
        )
