"""The command `pgstudy`: forked from a process that has imported it, or by itself.

A snakemake call starts such a process (`cli.forkserver`), since a job of a second would
else wait three for its imports. Nothing that takes time is imported here.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import NoReturn, TextIO

from pgstudy.experiment.system.places import FORKSERVER, forkservers

FOLDER = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Run the command line in a process of the fork server, or in this one."""
    if (name := os.environ.get(FORKSERVER)) and (job := _ask(name)):
        _wait_for(*job)
    # OpenBLAS would start threads in each run's process, and they spin for 20 ms
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pgstudy.cli import main as in_this_process

    in_this_process()


def _ask(name: str) -> tuple[int, TextIO] | None:
    """A process with this one's files, folder and variables: its number, and its end.

    None if there is no server, or it serves other code or another job.
    """
    if not name.startswith(forkservers()):
        return None
    request = {
        "package": FOLDER,
        "arguments": sys.argv,
        "folder": os.getcwd(),
        "variables": dict(os.environ),
    }
    content = json.dumps(request).encode()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"\0{name}")
            socket.send_fds(connection, [len(content).to_bytes(8)], [0, 1, 2])
            connection.sendall(content)
            answers = connection.makefile("r")
            pid = answers.readline()
    except OSError:
        return None
    return (int(pid), answers) if pid else None


def _wait_for(pid: int, answers: TextIO) -> NoReturn:
    """End as the process ends. Ctrl-C reaches it from the terminal; SIGTERM is handed
    on; and when this process is killed the server ends it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(pid, number))
    try:
        ending = answers.readline()
    except OSError:
        ending = ""
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
