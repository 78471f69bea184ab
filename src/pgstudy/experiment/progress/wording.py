"""How the progress of runs is said."""

from __future__ import annotations

import os
import time

from pgstudy.experiment.progress.states import Progress

STALLED = "PGSTUDY_STALLED_SECONDS"
UNITS = {"env_steps": "environment steps"}


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


def seconds_of(variable: str, default: float) -> float:
    """A time that an environment variable may set."""
    try:
        return float(os.environ.get(variable, default))
    except ValueError:
        return default
