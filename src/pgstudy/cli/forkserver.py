"""Processes for a snakemake call's jobs, forked from one that has done their imports.

`experiment.training.call` starts it, `launch` asks it. What a command needs is imported
when the first of its kind comes: it takes that one no longer, and the others nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.main import get_command

from pgstudy.analysis.steps import STEPS
from pgstudy.cli.common import app
from pgstudy.cli.common import main as run
from pgstudy.experiment.provenance.identity import numeric_identity
from pgstudy.experiment.system.isolation import end_with
from pgstudy.launch import FOLDER

MODULES = {
    **{name: step.entry.partition(":")[0] for name, step in STEPS.items()},
    "compare": STEPS["comparison"].entry.partition(":")[0],
    "train": "experiment.training.block",
    "track": "experiment.tracking.upload",
    "tracked": "experiment.tracking.study_entry",
    "check-tracking": "experiment.tracking.experiments",
    "capsule": "analysis.reproduce.capsule_check",
}
CREDENTIALS = struct.Struct("3i")  # of SO_PEERCRED: pid, uid, gid


@dataclass(frozen=True)
class Request:
    """A command line, and the files, the folder and the variables of who asks."""

    arguments: list[str]
    folder: str
    variables: dict[str, str]
    files: list[int]

    def take_place(self) -> None:
        """Be the process that was asked for: it ends with the one that forked it."""
        for number, file in enumerate(self.files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(self.folder)
        variables = self.variables | _set_by_imports()
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = self.arguments
        random.seed()  # or all jobs would draw the same
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Server:
    """Its socket, and by its process's file descriptor who waits for each job."""

    listener: socket.socket
    jobs: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)

    def serve(self) -> Request:
        """Fork a process for each request, until killed. Returns in each of them."""
        while True:
            waiting = {who.fileno(): who for _, who in self.jobs.values()}
            listener = self.listener.fileno()
            ready, _, _ = select.select([listener, *self.jobs, *waiting], [], [])
            for file in ready:
                if file in self.jobs:
                    self._ended(file)
                elif file in waiting:
                    self._left_alone(waiting[file])
                elif request := self._asked():
                    return request

    def _asked(self) -> Request | None:
        """Take a request and fork. Returns it in the new process alone."""
        who, _ = self.listener.accept()
        request = _read(who)
        if request is None:
            who.close()
            return None
        _import_for(request.arguments)
        server, pid = os.getpid(), os.fork()
        if pid == 0:
            end_with(server)
            self._close()
            who.close()
            return request
        for file in request.files:
            os.close(file)
        self.jobs[os.pidfd_open(pid)] = (pid, who)
        with contextlib.suppress(OSError):
            who.sendall(f"{pid}\n".encode())
        return None

    def _ended(self, file: int) -> None:
        """Tell who waits how the job ended."""
        pid, who = self.jobs.pop(file)
        os.close(file)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            who.sendall(f"{status}\n".encode())
        who.close()

    def _close(self) -> None:
        """Let go of all that is the server's, in a process that it forked."""
        self.listener.close()
        for file, (_, who) in self.jobs.items():
            os.close(file)
            who.close()

    def _left_alone(self, who: socket.socket) -> None:
        """Who asked was killed: so is the job."""
        for pid, other in self.jobs.values():
            if other is who:
                os.kill(pid, signal.SIGKILL)


def _read(who: socket.socket) -> Request | None:
    """None if it is no request of this user and this package."""
    given = who.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    if CREDENTIALS.unpack(given)[1] != os.getuid():
        return None
    size, files, _, _ = socket.recv_fds(who, 8, 3)
    with who.makefile("rb") as stream:
        content = stream.read(int.from_bytes(size))
    try:
        fields: dict[str, Any] = json.loads(content)
    except ValueError:  # it was killed while it wrote
        fields = {"package": None}
    if fields.pop("package") != FOLDER:
        for file in files:
            os.close(file)
        return None
    return Request(**fields, files=list(files))


def _set_by_imports() -> dict[str, str]:
    """The variables that this process's imports have set, as a command's own would."""
    given = Path("/proc/self/environ").read_bytes().split(b"\0")  # as it was started
    return {k: v for k, v in os.environ.items() if os.fsencode(f"{k}={v}") not in given}


def _import_for(arguments: list[str]) -> None:
    """What a command imports as it works, before the first process for it is forked."""
    name = next((word for word in arguments if word in MODULES), None)
    if name is None or f"pgstudy.{MODULES[name]}" in sys.modules:
        return
    numeric_identity()  # of the code that is imported now, whatever is edited later
    with contextlib.suppress(Exception):  # the job meets it, and says so in its log
        importlib.import_module(f"pgstudy.{MODULES[name]}")
    gc.freeze()  # or a collection in a job would copy it all


def _run() -> None:
    """The command; after a success the process ends at once.

    Python would first take apart all that was imported, and so copy it: .4 CPU-seconds.
    What modules want to do at the end is done before, as `multiprocessing` does it.
    """
    try:
        run()
    except SystemExit as end:
        if end.code:
            raise
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main() -> None:
    """`python -m pgstudy.cli.forkserver FILE PID`: its socket, and who started it."""
    end_with(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its jobs take it
    get_command(app).make_context("pgstudy", ["tables"])  # what typer imports for that
    Server(socket.socket(fileno=int(sys.argv[1]))).serve().take_place()
    _run()


if __name__ == "__main__":
    main()
