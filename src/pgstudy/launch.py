"""The command `pgstudy`: forked from a process that has imported it, or by itself.

A snakemake call starts such a process (`cli.forkserver`), since a job of a second would
else wait three for its imports. Nothing that takes time is imported here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from typing import NoReturn

from pgstudy.experiment.system.places import FORKSERVER

FOLDER = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Run the command line in a process of the fork server, or in this one."""
    if name := os.environ.get(FORKSERVER):
        with contextlib.suppress(ConnectionError, FileNotFoundError):
            _forked(name)
    from pgstudy.cli import main as in_this_process

    in_this_process()


def _forked(name: str) -> NoReturn:
    """Ask for a process, and end as it ends. Errors: ConnectionError if there is none.

    It has this one's files, folder and variables. Ctrl-C reaches it from the terminal;
    SIGTERM is handed on, and when this process is killed it ends too.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{name}")
        request = {
            "package": FOLDER,
            "arguments": sys.argv,
            "folder": os.getcwd(),
            "variables": dict(os.environ),
        }
        content = json.dumps(request).encode()
        socket.send_fds(connection, [len(content).to_bytes(8)], [0, 1, 2])
        connection.sendall(content)
        with connection.makefile("r") as answers:
            if not (pid := answers.readline()):
                raise ConnectionResetError
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda number, _: os.kill(int(pid), number))
            ending = answers.readline()
    if not ending:
        sys.exit("pgstudy: the process that started this job was killed")
    _end(int(ending))


def _end(status: int) -> NoReturn:
    """As the other process did; status is what `os.waitpid` gave."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))
