"""SLURM, as far as a study has to know it: which job this is, and why one ended."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

SECONDS = 60  # for an answer of a controller that has much to do
RESOURCE = "call snakemake with --set-resources train_blocks:"
WHY = {
    "TIMEOUT": f"reached its time limit of {{TimeLimit}}; {RESOURCE}runtime=MINUTES, "
    "or set a smaller job_minutes in the config",
    "OUT_OF_MEMORY": "took more memory than its {MinMemoryNode}{used}; "
    f"{RESOURCE}mem_mb=MEGABYTES",
    "CANCELLED": "was cancelled",
    "NODE_FAIL": "was lost with its node",
    "PREEMPTED": "was preempted by a job of higher priority",
    "FAILED": "failed with exit code {ExitCode}; its log says more",
}
TOO_MUCH = re.compile("exceeded .*memory limit|oom.kill", re.I)  # in a job's log
ENDED_BADLY = "CANCELLED,FAILED,NODE_FAIL,OUT_OF_MEMORY,PREEMPTED,TIMEOUT"
UNDER_WAY = "PENDING,RUNNING,SUSPENDED,COMPLETING,CONFIGURING,REQUEUED,RESIZING"


def job() -> str:
    """The number of the job that this process is part of; empty if it is of none."""
    return os.environ.get("SLURM_JOB_ID", "")


def attempt() -> str:
    """The same with how often SLURM has started it again, such as 12-0."""
    return f"{job()}-{os.environ.get('SLURM_RESTART_COUNT', '0')}" if job() else ""


def why_it_ended(number: str, used_mb: int = 0) -> str:
    """A sentence on how a job ended, with the setting to change.

    used_mb: the memory that it was last known to take.
    """
    facts = _facts(number)
    state = facts.get("JobState", "")
    if state == "FAILED" and TOO_MUCH.search(_end_of(facts.get("StdOut", ""))):
        state = "OUT_OF_MEMORY"  # of a step of the job, which itself only failed
    if state not in WHY:
        return f"SLURM job {number} ended, and SLURM says no more of it"
    used = f" (last seen at {used_mb} MB)" if used_mb else ""
    place = f" on {facts['NodeList']}" if facts.get("NodeList") else ""
    return f"SLURM job {number}{place} {WHY[state].format(**facts, used=used)}"


def jobs_of(folder: str, rule: str, states: str = UNDER_WAY) -> dict[str, str]:
    """This user's jobs that Snakemake submitted in a folder for a rule: when they were
    submitted, in local time as ISO 8601, by number; none without SLURM.
    """
    asked = ("--me", "--noheader", f"--states={states}", "--format=%i|%V|%k|%Z")
    lines = _answer("squeue", *asked).splitlines()
    return {
        number: submitted
        for number, submitted, comment, place in (line.split("|", 3) for line in lines)
        if place == folder and comment.startswith(f"rule_{rule}")
    }


def cancel(numbers: Iterable[str]) -> None:
    """End jobs; each trains on until its update ends, and keeps checkpoints."""
    _answer("scancel", *numbers)


def accounting_answers() -> bool:
    """Whether `sacct` knows of jobs here; it may be installed and not set up."""
    return _printed("sacct", "--noheader", "--allocations") is not None


def remembered_seconds() -> int | None:
    """How long the controller remembers jobs that ended; None if it does not say."""
    found = re.search(r"MinJobAge\s*=\s*(\d+)", _answer("scontrol", "show", "config"))
    return int(found[1]) if found else None


def run_on_a_node(options: list[str], command: list[str], seconds: int) -> str | None:
    """What a command prints in a job of its own; None if it did not run in time."""
    limit = ["--ntasks=1", "--quiet", f"--immediate={seconds}", "--time=2"]
    return _printed("srun", *limit, *options, *command)


def _facts(number: str) -> dict[str, str]:
    """What the controller remembers of a job, by its names."""
    return dict(
        re.findall(r"(\w+)=(\S*)", _answer("scontrol", "show", "job", "-o", number))
    )


def _end_of(log: str) -> str:
    """The last of what a job printed."""
    try:
        return Path(log).read_text("utf-8", "replace")[-10_000:]
    except OSError:
        return ""


def _answer(*command: str) -> str:
    """What a command prints; empty if it fails or is not here."""
    return _printed(*command) or ""


def _printed(*command: str) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
