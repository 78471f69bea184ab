"""How far the whole study is, in words: once, or again and again while a call works."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from pgstudy.experiment.store.record import COMPLETE, read_unchecked
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.training.progress import (
    Plan,
    Planned,
    Progress,
    read_plan,
    running,
    write_plan,
)

SECONDS = "PGSTUDY_PROGRESS_SECONDS"
STALLED = "PGSTUDY_STALLED_SECONDS"
UNITS = {"env_steps": "environment steps"}
BAR, CLEAR = 20, "\r\x1b[2K"
POLL, REDRAW = 0.3, 1.0
PATIENCE = 120.0  # with the check of MLflow, whose own bounds are shorter
NOBODY = "no snakemake call trains here now"


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


def fraction(job: Progress) -> float:
    """The share of its budget that a run has spent; updates are whole."""
    return min(1.0, job.spent / job.amount)


def duration(seconds: float | None) -> str:
    """Seconds that are left, as people say them."""
    if seconds is None:
        return "time left not known yet"
    return f"about {amount_of_time(seconds)} left"


def amount_of_time(seconds: float) -> str:
    """Not to the second where nobody knows it."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def job_line(job: Progress) -> str:
    """The line for one run."""
    unit = UNITS.get(job.unit, job.unit)
    steps = "" if job.unit == "env_steps" else f"; {job.env_steps:,} environment steps"
    spent = f"{job.spent:,} of {job.amount:,} {unit}"
    stall = f"; {said}" if (said := stalled(job)) else ""
    return f"{job.name}: {spent} ({fraction(job):.0%}){steps}{stall}"


def stalled(job: Progress) -> str:
    """The word for a run that has not moved for some minutes; empty if it has.

    A step of its environment may hang, or one update may take that long.
    """
    passed = time.time() - job.moved
    if passed < seconds_of(STALLED, 300):
        return ""
    return f"no update for {amount_of_time(passed)} (process {job.pid})"


def lines(results: Path) -> list[str]:
    """A line for each run that trains now, and one for the whole."""
    plan = read_plan(results)
    jobs = [job_line(job) for job in running(results)]
    if plan is None:
        return [*jobs, NOBODY]
    watch = Watch(results, plan)
    watch.look()
    return [*jobs, watch.whole()]


def follow(results: Path, out: TextIO) -> None:
    """Say how far the call is until it ends; a bar on a terminal, else few lines."""
    plan = read_plan(results)
    if plan is None:
        print(NOBODY)
        return
    watch, bar = Watch(results, plan), out.isatty()
    pause = REDRAW if bar else seconds_of(SECONDS, 30)
    due = time.monotonic() + pause
    # whoever reads this may be gone, and the files with the folder
    with contextlib.suppress(OSError):
        while watch.plan.is_at_work():
            time.sleep(POLL)
            if time.monotonic() < due:
                continue
            watch.look()
            over = watch.is_over()
            _show(watch, out, bar, over)
            if over:
                break
            out.flush()
            due = time.monotonic() + pause
        if bar:
            out.write("\n")


def _show(watch: Watch, out: TextIO, bar: bool, over: bool) -> None:
    for word in newly_stalled(watch):
        out.write(f"{CLEAR if bar else ''}{word}\n")
    if bar:
        out.write(f"{CLEAR}{_bar(watch, out)}")
    elif not over:
        out.write(f"{_line(watch)}\n")


def seconds_of(variable: str, default: float) -> float:
    """A time that an environment variable may set."""
    try:
        return float(os.environ.get(variable, default))
    except ValueError:
        return default


def _line(watch: Watch) -> str:
    return "; ".join([watch.whole(), *map(_short, watch.jobs)])


def _short(job: Progress) -> str:
    word = f" ({said})" if (said := stalled(job)) else ""
    return f"{job.name} {fraction(job):.0%}{word}"


def newly_stalled(watch: Watch) -> list[str]:
    """A line for each run that stopped moving; each is said once."""
    words = {
        job.key: f"{job.name}: {stalled(job)}" for job in watch.jobs if stalled(job)
    }
    new = [word for key, word in words.items() if key not in watch.stalled]
    watch.stalled = set(words)
    return new


def _bar(watch: Watch, out: TextIO) -> str:
    full = "#" * round(BAR * watch.share)
    columns = os.get_terminal_size(out.fileno()).columns or 80
    return f"[{full:-<{BAR}}] {_line(watch)}"[: columns - 1]


def start_following(store: Store, study: str, runs: Iterable[Run]) -> None:
    """Write the call's plan, and show how far it is from a process beside it.

    That one ends with this one, however it ends. Nothing here can fail the call.
    """
    command = [sys.executable, "-m", "pgstudy", "progress", "--follow"]
    with contextlib.suppress(OSError):
        write_plan(store, study, runs)
        follower = subprocess.Popen(
            [*command, "--results", str(store.results)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # no Ctrl-C reaches it, and it inherits no lock
            start_new_session=True,
            close_fds=True,
        )
        atexit.register(_end, follower)


def check_tracking(study: str) -> None:
    """Say if a study's runs can't go to MLflow now; nothing here can fail the call."""
    command = [sys.executable, "-m", "pgstudy", "check-tracking", study]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        ending = f"exit code {done.returncode}" if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        ending = str(error)
    if ending:
        word = "whether runs can be uploaded to MLflow was not found out"
        print(f"training goes on, but {word} ({ending})", file=sys.stderr)


def _end(follower: subprocess.Popen[bytes]) -> None:
    follower.terminate()
    try:
        follower.wait(5)
    except subprocess.TimeoutExpired:
        follower.kill()
