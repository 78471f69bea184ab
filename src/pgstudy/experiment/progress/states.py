"""What is known of runs that are training: a small file for each.

These files are for people who watch. No result depends on them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import filelock

from pgstudy.experiment.progress.plan import PLAN
from pgstudy.experiment.system import places
from pgstudy.experiment.system.shared_disk import file_system_time, lock_of

FRESH = 15.0  # a file older than this needs its run's lock to be believed

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
    found = {file: read_state(file) for file in files if file.name != PLAN}
    return {file: state for file, state in found.items() if state is not None}


def read_state(file: Path) -> Progress | None:
    """What a file says; None if it is not there, or is not one of ours."""
    try:
        return Progress(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_trained(file: Path, results: Path, now: float) -> bool:
    """Whether a process trains the run; one update may take longer than `FRESH`."""
    try:
        fresh = now - file.stat().st_mtime < FRESH
    except OSError:
        return False
    return fresh or _is_held(results / places.LOCKS / file.stem)


def _is_held(lock: Path) -> bool:
    try:
        with lock_of(lock).acquire(blocking=False):
            return False
    except filelock.Timeout:
        return True
