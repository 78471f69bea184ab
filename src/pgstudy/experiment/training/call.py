"""What a snakemake call starts beside itself as it begins to work."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from threading import Thread

from pgstudy.experiment.progress.plan import write_plan
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.places import FORKSERVER, forkservers

PATIENCE = 120.0  # with the check of MLflow, whose own bounds are shorter
# as Snakemake sets them for a job: the libraries read them as they are imported
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start_forkserver() -> None:
    """Start the process that this call's jobs are forked from (`cli.forkserver`).

    It ends with this one. Jobs find it by a variable, and do without it if it is gone.
    Who calls may have named one that works already, as tests do.
    """
    given = os.environ.get(FORKSERVER, "")
    if given.startswith(forkservers()) and _answers(given):
        return
    name = f"{forkservers()}{os.getpid()}-{secrets.token_hex(8)}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")  # no file, so none is left
        listener.listen(1024)
        file = listener.fileno()
        # -P: no file of the working folder stands in for a library's
        command = [sys.executable, "-P", "-m", "pgstudy.cli.forkserver"]
        subprocess.Popen(
            [*command, str(file), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            pass_fds=[file],
            env=os.environ | dict.fromkeys(THREADS, "1"),
        )
        os.environ[FORKSERVER] = name


def _answers(name: str) -> bool:
    """Whether somebody listens there; who says nothing more is let go again."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{name}")
        return True
    return False


def let_sigterm_wait() -> None:
    """Run this process's handler of SIGTERM in a thread of its own.

    Snakemake's takes a lock, and the main thread may hold it just then: it would wait
    for itself for ever.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        signal.signal(
            signal.SIGTERM,
            lambda *given: Thread(target=handler, args=given, daemon=True).start(),
        )


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
            env={k: v for k, v in os.environ.items() if k != FORKSERVER},
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
