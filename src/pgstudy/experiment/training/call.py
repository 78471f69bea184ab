"""What a snakemake call starts beside itself as it begins to train."""

from __future__ import annotations

import atexit
import contextlib
import subprocess
import sys
from collections.abc import Iterable

from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.training.plan import write_plan

PATIENCE = 120.0  # with the check of MLflow, whose own bounds are shorter


def start_following(folder: StudyFolder, runs: Iterable[Run]) -> None:
    """Write the call's plan, and show how far it is from a process beside it.

    That one ends with this one, however it ends. Nothing here can fail the call.
    """
    command = [sys.executable, "-m", "pgstudy", "progress", "--follow"]
    with contextlib.suppress(OSError):
        write_plan(folder, runs)
        follower = subprocess.Popen(
            [*command, "--results", str(folder.store.results)],
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
