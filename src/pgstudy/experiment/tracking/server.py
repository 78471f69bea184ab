"""The MLflow UI on this machine only, opened in the view that shows the runs.

While it is open, runs that still train are there too: as entries that are RUNNING and
tagged `live: true`, which are gone when the run ends or the UI does.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from mlflow import MlflowClient

from pgstudy.experiment.progress.plan import read_plan
from pgstudy.experiment.system import places
from pgstudy.experiment.system.addresses import without_credentials
from pgstudy.experiment.tracking import experiments
from pgstudy.experiment.tracking.live_entries import Watcher
from pgstudy.experiment.tracking.mirror import tracking_uri

NO_JOBS = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"  # eight processes that nobody here needs
HOST = "127.0.0.1"
SECONDS = 3.0  # between two looks at the runs that train
PATIENCE = 10.0  # with the server at the end
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ServerError(RuntimeError):
    """The UI can't be started; the message says why."""


def links(results: Path, base: str) -> list[str]:
    """One link per experiment, to our view of it if it has one. Errors: ServerError.

    Without the query MLflow opens its view for GenAI.
    """
    try:
        found = MlflowClient(tracking_uri(results)).search_experiments()
    except experiments.UNUSABLE as error:
        raise ServerError(experiments.unusable(results, error)) from None
    shared = f"&viewStateShareKey={experiments.VIEW}"
    return [
        f"{base}/#/experiments/{e.experiment_id}/runs?workflowType=machine_learning"
        f"{shared if experiments.VIEW_TAG in e.tags else ''}"
        for e in found
        if e.name != "Default"
    ]


def serve(results: Path, port: int) -> None:
    """Run `mlflow server` until it ends. Errors: ServerError."""
    uri, at_work = tracking_uri(results), read_plan(results)
    if not experiments.store_is_there(results) and at_work is None:
        raise ServerError(f"nothing is tracked in {results} yet; run snakemake first")
    if not uri.startswith("http"):
        port = _free(port)
    watcher = Watcher(results)
    watcher.prepare()
    if not uri.startswith("http"):
        shown = links(results, f"http://{HOST}:{port}")
        _serve(watcher, uri, port, shown)
        return
    if at_work is not None:
        print("curves of runs that train go there until that ends, or Ctrl-C")
    shown = links(results, without_credentials(uri))
    print(*shown, sep="\n", flush=True)
    if at_work is not None:
        _watch(watcher, at_work.is_at_work)


def _free(port: int) -> int:
    """The port, or any if it is 0. Errors: ServerError, if it is taken."""
    with socket.socket() as probe:
        if not port:
            probe.bind((HOST, 0))
            return int(probe.getsockname()[1])
        if probe.connect_ex((HOST, port)) == 0:
            raise ServerError(f"port {port} is taken; choose another with --port")
    return port


def _serve(watcher: Watcher, uri: str, port: int, shown: list[str]) -> None:
    server = _Server(watcher.results, uri, port, shown)
    _watch(watcher, server.goes_on, server.end, server.start)
    if server.to_show:
        raise ServerError("MLflow's server ended before it answered; it says why above")


class _Server:
    """`mlflow server`; `to_show` are links that are printed once it answers."""

    def __init__(self, results: Path, uri: str, port: int, to_show: list[str]) -> None:
        self._artifacts = (results.resolve() / places.ARTIFACTS).as_uri()
        self._uri, self._port, self.to_show = uri, port, to_show
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # the address may hold a password, which no command line should show
        command = [sys.executable, "-m", "mlflow", "server", "--host", HOST]
        command += ["--port", str(self._port), "--workers", "1"]
        # a line for each request would carry our links off the screen
        command += ["--uvicorn-opts", "--log-level warning"]
        self._process = subprocess.Popen(
            [*command, "--default-artifact-root", self._artifacts],
            env={NO_JOBS: "false"}
            | os.environ
            | {"MLFLOW_BACKEND_STORE_URI": self._uri},
            stdout=sys.stderr.fileno(),  # what we print are links alone
            start_new_session=True,  # it ends after us, with all its children
        )

    def goes_on(self) -> bool:
        if self.to_show and _answers(self._port):
            print(*self.to_show, sep="\n", flush=True)
            self.to_show.clear()
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        if self._process is not None:
            _end(self._process)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _watch(
    watcher: Watcher,
    going: Callable[[], bool],
    end: Callable[[], None] = lambda: None,
    start: Callable[[], None] = lambda: None,
) -> None:
    """Show runs that train while something goes on; then end it and remove them.

    A signal that comes while it starts waits for that: else nobody would end it.
    """
    asked: list[int] = []
    at_work: list[bool] = []

    def ask(number: int, _: object) -> None:
        asked.append(number)
        if at_work and len(asked) == 1:
            sys.exit(128 + number)

    _at_signals(ask)
    try:
        start()
        at_work.append(True)
        _look_while(lambda: not asked and going(), watcher)
    finally:
        at_work.clear()
        _at_signals(signal.SIG_IGN)  # a second one changes nothing
        end()
        watcher.close()
        if asked:
            _stopped(asked[0])


def _stopped(number: int) -> NoReturn:
    print("stopped", flush=True)
    sys.exit(0 if number == signal.SIGINT else 128 + number)


def _at_signals(do: Callable[[int, Any], None] | signal.Handlers) -> None:
    for number in ENDING:
        signal.signal(number, do)


def _look_while(going: Callable[[], bool], watcher: Watcher) -> None:
    # what a signal's handler raises in a destructor is lost, so `going` looks at it too
    due = 0.0
    while going():
        if time.monotonic() >= due:
            watcher.look()
            due = time.monotonic() + SECONDS
        time.sleep(0.2)


def _end(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)
