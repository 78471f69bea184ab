"""A command's log file: it gets all that is said, also by what the command starts.

Only what Python says here goes on to the terminal, too. So no process that an
environment leaves behind holds the terminal, or a pipe that somebody waits on.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pgstudy.experiment.system import slurm


class Tee(io.TextIOBase):
    """Writes to a log file, and to where the stream went before."""

    def __init__(self, log: TextIO, before: TextIO) -> None:
        self.log = log
        self._before: TextIO | None = before

    def write(self, text: str) -> int:
        """Write a text to both; whoever read the former stream may be gone."""
        with contextlib.suppress(OSError):
            if self._before is not None:
                self._before.write(text)
        return self.log.write(text)

    def flush(self) -> None:
        """Lines are flushed as they end; this is for what is no whole line."""
        with contextlib.suppress(OSError):
            if self._before is not None:
                self._before.flush()
        self.log.flush()

    def fileno(self) -> int:
        """The log's: 1 or 2."""
        return self.log.fileno()

    def leave(self) -> None:
        """Write to the log alone from now on."""
        if self._before is not None:
            with contextlib.suppress(OSError):
                self._before.close()
            self._before = None


def tee(path: Path) -> None:
    """Make a file the stdout and stderr of this process. Errors: OSError.

    What earlier processes said in it stays. Snakemake removes the file when it starts a
    job again, so that of a SLURM job has a second name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if attempt := slurm.attempt():
            with contextlib.suppress(OSError):
                os.link(path, path.with_name(f"{path.stem}.{attempt}{path.suffix}"))
        file.write(_heading().encode())
        file.flush()
        sys.stdout = _redirected(sys.stdout, 1, file.fileno())
        sys.stderr = _redirected(sys.stderr, 2, file.fileno())


def _heading() -> str:
    """When and where what follows was said."""
    number = slurm.job()
    place = f", SLURM job {number}" if number else ""
    now = datetime.now(UTC).isoformat(" ", timespec="seconds")
    return f"--- {now}, {socket.gethostname()}{place}\n"


def _redirected(stream: TextIO, descriptor: int, file: int) -> TextIO:
    stream.flush()
    # the copy is closed in every program that is started from here
    before = os.fdopen(os.dup(descriptor), "w", 1, "utf-8", "backslashreplace")
    os.dup2(file, descriptor)
    log = os.fdopen(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)
    both: TextIO = Tee(log, before)  # type: ignore[assignment]
    return both


def log_only() -> None:
    """Let go of the terminal, in a process that may leave others behind."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Tee):
            stream.leave()
