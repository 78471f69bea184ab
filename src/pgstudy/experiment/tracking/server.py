"""The MLflow UI on this machine only, opened in the view that shows the runs.

While it is open, runs that still train are there too: as entries that are RUNNING and
tagged `live: true`, which are gone when the run ends or the UI does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import filelock
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities import Run as Entry

from pgstudy.experiment.system import places
from pgstudy.experiment.system.addresses import without_credentials
from pgstudy.experiment.tracking import entities as mlflow_entities
from pgstudy.experiment.tracking import mirror
from pgstudy.experiment.tracking import upload as tracking
from pgstudy.experiment.training.progress import Progress, read_plan, running

HOST = "127.0.0.1"
SECONDS = 3.0  # between two looks at the runs that train
PATIENCE = 10.0  # with the uploader, and with the server, at the end
NOT_NOW = (*tracking.UNUSABLE, tracking.TrackingError)


class ServerError(RuntimeError):
    """The UI can't be started; the message says why."""


class Watcher:
    """Keeps an MLflow entry for each run of the call at work that trains now."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self._nothing_there = False

    def look(self) -> None:
        """Bring the entries up to date, unless the uploader is at work.

        MLflow that can't be used now may be at the next look.
        """
        with contextlib.suppress(filelock.Timeout, *NOT_NOW), self._lock(0):
            plan = read_plan(self.results)
            keys = {run.key for run in plan.runs} if plan else set()
            jobs = {job.key: job for job in running(self.results) if job.key in keys}
            self._show(plan.study if plan else "", jobs)

    def close(self) -> None:
        """Remove all entries of runs that train."""
        with contextlib.suppress(filelock.Timeout, *NOT_NOW), self._lock(PATIENCE):
            self._show("", {})

    def prepare(self) -> None:
        """Make the experiment of the call at work, for a link to it."""
        plan = read_plan(self.results)
        if plan is None:
            return
        with contextlib.suppress(filelock.Timeout, *NOT_NOW), self._lock(PATIENCE):
            tracking.experiment(self._client(), self.results, plan.study)

    def _lock(self, seconds: float) -> filelock.FileLock:
        return mirror.lock(self.results, seconds)

    def _client(self) -> MlflowClient:
        return MlflowClient(tracking.tracking_uri(self.results))

    def _show(self, study: str, jobs: dict[str, Progress]) -> None:
        if self._nothing_there and not jobs:
            return
        client = self._client()
        entries = _live_entries(client)
        for key in list(entries):
            for entry in entries[key][1 if key in jobs else 0 :]:
                client.delete_run(entry.info.run_id)
        shown = [job for job in jobs.values() if job.curve]
        place = tracking.experiment(client, self.results, study) if shown else ""
        for job in shown:
            if job.key in entries:
                entry = entries[job.key][0]
            else:
                tags = mlflow_entities.live_tags(study, job)
                start = int(job.started * 1000)
                entry = client.create_run(place, start, tags, job.name)
            # the entry itself says how far it is
            last = entry.data.metrics.get("env_steps", 0)
            _log(client, entry.info.run_id, mlflow_entities.live_metrics(job, last))
        self._nothing_there = not jobs


def _live_entries(client: MlflowClient) -> dict[str, list[Entry]]:
    """Entries of running runs by key, also those of a UI that was killed."""
    places = [e.experiment_id for e in client.search_experiments()]
    found: dict[str, list[Entry]] = {}
    for entry in client.search_runs(places, "tags.live = 'true'"):
        found.setdefault(entry.data.tags["key"], []).append(entry)
    return found


def _log(client: MlflowClient, run_id: str, points: list[Metric]) -> None:
    for start in range(0, len(points), tracking.ENTITIES_PER_BATCH):
        batch = points[start : start + tracking.ENTITIES_PER_BATCH]
        client.log_batch(run_id, metrics=batch)


def links(results: Path, base: str) -> list[str]:
    """One link per experiment. Errors: ServerError.

    Without the query MLflow opens its view for GenAI.
    """
    try:
        found = MlflowClient(tracking.tracking_uri(results)).search_experiments()
    except tracking.UNUSABLE as error:
        raise ServerError(tracking.unusable(results, error)) from None
    return [
        f"{base}/#/experiments/{e.experiment_id}?workflowType=machine_learning"
        for e in found
        if e.name != "Default"
    ]


def serve(results: Path, port: int) -> None:
    """Run `mlflow server` until it ends. Errors: ServerError."""
    uri, at_work = tracking.tracking_uri(results), read_plan(results)
    if not tracking.store_is_there(results) and at_work is None:
        raise ServerError(f"nothing is tracked in {results} yet; run snakemake first")
    if not uri.startswith("http"):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                raise ServerError(f"port {port} is taken; choose another with --port")
    watcher = Watcher(results)
    watcher.prepare()
    base = f"http://{HOST}:{port}"
    if uri.startswith("http"):
        base = without_credentials(uri)
    for link in links(results, base):
        print(link, flush=True)
    if not uri.startswith("http"):
        _serve(watcher, uri, port)
    elif at_work is not None:
        print("curves of runs that train go there until that ends, or Ctrl-C")
        _watch(watcher, at_work.is_at_work, lambda: None)


def _serve(watcher: Watcher, uri: str, port: int) -> None:
    artifacts = (watcher.results.resolve() / places.ARTIFACTS).as_uri()
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST]
    command += ["--port", str(port), "--workers", "1"]
    server = subprocess.Popen(
        [*command, "--default-artifact-root", artifacts],
        env=os.environ | {"MLFLOW_BACKEND_STORE_URI": uri},  # may hold a password
        start_new_session=True,  # it ends after us, with all its children
    )
    _watch(watcher, lambda: server.poll() is None, lambda: _end(server))


def _watch(
    watcher: Watcher, going: Callable[[], bool], end: Callable[[], None]
) -> None:
    """Show runs that train while something goes on; then end it and remove them."""
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    try:
        due = 0.0
        while going():
            if time.monotonic() >= due:
                watcher.look()
                due = time.monotonic() + SECONDS
            time.sleep(0.2)
    except KeyboardInterrupt:
        print("stopped")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second one changes nothing
        end()
        watcher.close()


def _end(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)
