"""How far a call is: its runs that ended, those that train, and the time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from pgstudy.experiment.progress.plan import Plan, Planned
from pgstudy.experiment.progress.states import Progress, running
from pgstudy.experiment.progress.wording import duration, fraction
from pgstudy.experiment.store.record import COMPLETE, read_unchecked


@dataclass
class Watch:
    """What is known of a call; runs that ended are not looked at again."""

    results: Path
    plan: Plan
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    stalled: set[str] = field(default_factory=set)
    jobs: list[Progress] = field(default_factory=list)
    share: float = 0.0
    seconds_left: float | None = None

    def look(self) -> None:
        """Bring everything up to date."""
        self.jobs = running(self.results)
        for run in self.plan.runs:
            if run.key not in self.done:
                self._look_at(run)
        # budgets count by their size where they can be compared
        alike = len({run.unit for run in self.plan.runs}) == 1
        parts = [
            (run.amount if alike else 1, *self._parts(run)) for run in self.plan.runs
        ]
        whole = sum(weight for weight, _, _ in parts) or 1
        self.share = sum(weight * spent for weight, spent, _ in parts) / whole
        gained = sum(weight * new for weight, _, new in parts) / whole
        passed = time.time() - self.plan.started
        self.seconds_left = passed * (1 - self.share) / gained if gained else None

    def is_over(self) -> bool:
        """Whether there is nothing left to train, or nobody who does."""
        ended = len(self.done | self.failed) == len(self.plan.runs)
        return ended or not self.plan.is_at_work()

    def _look_at(self, run: Planned) -> None:
        record = read_unchecked(self.results / run.folder)
        if record is None:
            return
        if record.status in COMPLETE:
            self.done.add(run.key)
        elif record.started >= self.plan.started:  # not the failure of an earlier call
            self.failed.add(run.key)

    def _parts(self, run: Planned) -> tuple[float, float]:
        """The share of a run's budget that is spent, and that of this call in it."""
        if run.key in self.done | self.failed:
            return 1.0, 1.0
        for job in self.jobs:
            if job.key == run.key:
                return fraction(job), fraction(job) - job.before / job.amount
        return 0.0, 0.0

    def whole(self) -> str:
        """The line for the whole study."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        left = f", {duration(self.seconds_left)}" if self.share < 1 else ""
        return (
            f"{self.plan.study}: {len(self.done)} of {len(self.plan.runs)} runs"
            f"{failed}, {self.share:.0%} of the budgets{left}"
        )
