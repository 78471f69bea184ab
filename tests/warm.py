"""Snakemake calls, and their jobs, forked from processes that have done the imports.

A call would else import for 3 CPU-seconds, and the fork server of its jobs for 7 more.
Each process has the folder, the variables and the files of who asks, and ends when that
one is killed. With sources of `pgstudy` or plugins on its PYTHONPATH it imports those.
User settings at import, umask and process group are those of the test worker: tests of
these, and of kills, make calls by themselves.
"""

import contextlib
import functools
import gc
import importlib
import importlib.machinery
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from pgstudy.cli import forkserver
from pgstudy.experiment.system.isolation import end_with
from pgstudy.experiment.system.places import FORKSERVER
from pgstudy.experiment.training.call import start_forkserver
from pgstudy.launch import FOLDER
from pgstudy.learning import dispatch

# What pgstudy's modules set as they are imported: a test's process has imported them,
# and a call of it must do so by itself.
SET_BY_IMPORTS = {
    *("SOURCE_DATE_EPOCH", "MPLBACKEND", "SDL_VIDEODRIVER", "MUJOCO_GL"),
    *("PYGAME_HIDE_SUPPORT_PROMPT", *dispatch.VARIABLES),
}
# What Snakemake and the Snakefile import on the way to the first job.
OF_CALLS = (
    *("snakemake.cli", "snakemake.report", "snakemake.executors.local"),
    *("snakemake.storage", "smart_open", "pandas", "jsonschema", "gymnasium"),
    *("pgstudy.analysis.steps", "pgstudy.analysis.common.parts"),
    *("pgstudy.analysis.common.columns", "pgstudy.experiment.training.call"),
    *("pgstudy.experiment.planning", "pgstudy.experiment.config.loading"),
    "pgstudy.learning.environments.corridor",
)


def variables():
    """The environment variables of a call, with no MLflow of the user's."""
    left_out = {name for name in os.environ if "MLFLOW" in name} | SET_BY_IMPORTS
    return {k: v for k, v in os.environ.items() if k not in left_out}


@functools.cache
def for_jobs():
    """The variable that names a fork server, as calls start it, for jobs to ask.

    Nothing of the worker's folder is imported, which is no job's.
    """
    apart = {"PYTHONSAFEPATH": "1"}
    with mock.patch.dict(os.environ, variables() | apart, clear=True):
        start_forkserver()
        return {FORKSERVER: os.environ[FORKSERVER]}


def pgstudy(*arguments, folder, **more):
    """The command, its output as text; its process is forked, as that of a job."""
    return subprocess.run(
        ["pgstudy", *map(str, arguments)],
        cwd=folder,
        env=os.environ | for_jobs() | more,
        capture_output=True,
        text=True,
        timeout=300,
    )


@functools.cache
def _for_calls():
    """The name of a process that does the same for calls; it ends with this one."""
    name = f"pgstudy--{os.getpid()}-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        file = listener.fileno()
        subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(file), str(os.getpid())],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            pass_fds=[file],
            env=variables(),
        )
    return name


class Process:
    """A forked command, used as a `subprocess.Popen`; `files` are its first three."""

    def __init__(self, server, command, folder, environment, files):
        request = {"package": FOLDER, "arguments": command, "folder": str(folder)}
        content = json.dumps(request | {"variables": dict(environment)}).encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"\0{server}")
            numbers = [file.fileno() for file in files]
            socket.send_fds(connection, [len(content).to_bytes(8)], numbers)
            connection.sendall(content)
            self.answers = connection.makefile()
        self.pid = int(self.answers.readline())
        self.returncode = None

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self.answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            status = int(self.answers.readline())
            self.returncode = os.waitstatus_to_exitcode(status)
            self.answers.close()
        return self.returncode

    def poll(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self):
        """Output that nobody keeps, and errors."""
        said = self.stderr.read()
        self.wait()
        return "", said


def start(*arguments, environment=None):
    """The command in this folder, its errors as a stream of text, to be waited for."""
    server = for_jobs()[FORKSERVER]
    command = ["pgstudy", *map(str, arguments)]
    reading, writing = os.pipe()
    with open(os.devnull, "r+") as nothing, open(writing, "w") as said:
        files = (nothing, nothing, said)
        given = environment or os.environ
        process = Process(server, command, os.getcwd(), given, files)
    process.stderr = os.fdopen(reading)
    return process


def run(command, folder, environment):
    """A Snakemake call, as `subprocess.run` with its output as text."""
    with (
        open(os.devnull) as nothing,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        given, files = environment | for_jobs(), (nothing, out, err)
        code = Process(_for_calls(), command, folder, given, files).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def _call():
    """Snakemake, with what lies on PYTHONPATH, and none of pgstudy if that lies there.

    Its environment is registered again then, which Gymnasium would else warn of.
    """
    places = [place for place in os.environ.get("PYTHONPATH", "").split(":") if place]
    sys.path[1:1] = places
    if importlib.machinery.PathFinder.find_spec("pgstudy", places):
        for name in [n for n in sys.modules if n.partition(".")[0] == "pgstudy"]:
            del sys.modules[name]
        sys.modules["gymnasium"].registry.pop("ShortCorridor-v0")
    if places:
        ExecutorPluginRegistry().collect_plugins()
    sys.modules["snakemake.cli"].main()


def main():
    """`python -m tests.warm FILE PID`, as `pgstudy.cli.forkserver` for its commands."""
    end_with(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[0] = str(Path(sys.executable).parent)  # where the script snakemake lies
    for name in OF_CALLS:
        importlib.import_module(name)
    sys.modules["snakemake.cli"].get_argument_parser()  # finds the plugins
    gc.freeze()
    forkserver.MODULES.clear()  # no word of a call is one of pgstudy's commands
    forkserver.run = _call
    listener = socket.socket(fileno=int(sys.argv[1]))
    forkserver.Server(listener).serve().take_place()
    forkserver._run()


if __name__ == "__main__":
    main()
