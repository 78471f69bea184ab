"""What a call sees to before it submits jobs to SLURM. docs/clusters.md says why."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import filelock

from pgstudy.experiment.system import places, slurm
from pgstudy.experiment.system.shared_disk import lock_of

ORPHANS = "PGSTUDY_ORPHANS"
POLL = 5.0  # seconds
ENOUGH = 120  # seconds that the controller has to remember a job that ended
PATIENCE = 30  # seconds for a node to be free
HELD, FREE = "held", "free"


def wait_for_orphans(results: Path, say: Callable[[str], object]) -> None:
    """Wait until no job of an earlier call trains here any more, or cancel them.

    That call is over, since this one holds its lock. The jobs complete their runs
    without it. SLURM is asked only after a call that submitted some.
    """
    if not (results / places.JOBS).exists():
        return
    told = False
    while jobs := slurm.jobs_of(os.getcwd(), "train_blocks"):
        if os.environ.get(ORPHANS) == "cancel":
            slurm.cancel(jobs)
        if not told:
            say(
                "jobs of an earlier call are still in SLURM and waited for; to end "
                f"them: scancel {' '.join(jobs)} (or call with {ORPHANS}=cancel)"
            )
            told = True
        time.sleep(POLL)


def why_jobs_ended(since: datetime, said: Iterable[str]) -> list[str]:
    """A line for each job that ended badly and was submitted since then, unless one of
    the lines that were said is of it.
    """
    known = " ".join(said)
    jobs = slurm.jobs_of(os.getcwd(), "train_blocks", slurm.ENDED_BADLY)
    return [
        slurm.why_it_ended(number)
        for number, submitted in jobs.items()
        if submitted >= f"{since:%Y-%m-%dT%H:%M:%S}"
        and f"SLURM job {number} " not in known
    ]


def trouble(status_command: str | None, results: Path, options: list[str]) -> str:
    """Why nothing should be submitted now; empty if all is well.

    options: of `srun`, for a node of the partition.
    """
    return _status_trouble(status_command) or _lock_trouble(results, options)


def _status_trouble(command: str | None) -> str:
    """Snakemake would wait for ever for jobs of which it learns nothing."""
    if command == "sacct" and not slurm.accounting_answers():
        return (
            "sacct does not answer here, so snakemake would never learn that a job "
            "ended; set slurm-status-command: squeue in the profile"
        )
    age = slurm.remembered_seconds()
    if command == "squeue" and age is not None and age < ENOUGH:
        return (
            f"SLURM forgets a job {age} s after its end (MinJobAge), so snakemake may "
            "never learn of it; set slurm-status-command: sacct in the profile, or "
            f"have MinJobAge set to {ENOUGH}"
        )
    return ""


def _lock_trouble(results: Path, options: list[str]) -> str:
    """A node that can take the lock of this call could train a run twice.

    Found out once for a results folder.
    """
    known = results / places.LOCKS / "reach-nodes"
    if known.exists():
        return ""
    probe = [sys.executable, "-m", "pgstudy", "check-lock", "--results", str(results)]
    said = slurm.run_on_a_node(options, probe, PATIENCE)
    if said is None:
        print(
            f"no node answered within {PATIENCE} s: whether locks on {results}/ reach "
            "the nodes is found out another time",
            file=sys.stderr,
        )
    elif said.strip() == FREE:
        return (
            f"locks on {results}/ do not reach the nodes, so a run could be trained "
            "twice; mount it there without nolock and local_lock, or put the project "
            "on another file system"
        )
    else:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()
    return ""


def probe(results: Path) -> str:
    """Whether the lock of the call that works on a results folder is seen as held."""
    try:
        with lock_of(results / places.CALL_LOCK).acquire(blocking=False):
            return FREE
    except filelock.Timeout:
        return HELD
