"""Entries of runs that still train: RUNNING, and tagged `live: true`.

Those of other results folders are left alone.
"""

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path

import filelock
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities import Run as Entry

from pgstudy.experiment.progress.plan import read_plan
from pgstudy.experiment.progress.states import Progress, running
from pgstudy.experiment.tracking import mirror
from pgstudy.experiment.tracking.entities import log, short_name
from pgstudy.experiment.tracking.experiments import UNUSABLE, TrackingError, experiment
from pgstudy.experiment.tracking.owner import Owner, owner

PATIENCE = 10.0  # with the uploader at the end
NOT_NOW = (*UNUSABLE, TrackingError)


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
        """Remove all entries of runs that train.

        A server that has just been ended may hold its database for a moment more.
        """
        end = time.monotonic() + PATIENCE
        with contextlib.suppress(filelock.Timeout, *NOT_NOW), self._lock(PATIENCE):
            while True:
                with contextlib.suppress(*NOT_NOW):
                    return self._show("", {})
                if time.monotonic() > end:
                    return
                time.sleep(0.5)

    def prepare(self) -> None:
        """Make the experiment of the call at work, for a link to it."""
        plan = read_plan(self.results)
        if plan is None:
            return
        with contextlib.suppress(filelock.Timeout, *NOT_NOW), self._lock(PATIENCE):
            experiment(self._client(), self.results, plan.study)

    def _lock(self, seconds: float) -> filelock.FileLock:
        return mirror.lock(self.results, seconds)

    def _client(self) -> MlflowClient:
        return MlflowClient(mirror.tracking_uri(self.results))

    def _show(self, study: str, jobs: dict[str, Progress]) -> None:
        if self._nothing_there and not jobs:
            return
        self._nothing_there = False  # a signal may end this after an entry is made
        client, ours = self._client(), owner(self.results)
        entries = _live_entries(client, ours)
        for key in list(entries):
            for entry in entries[key][1 if key in jobs else 0 :]:
                client.delete_run(entry.info.run_id)
        shown = [job for job in jobs.values() if job.curve]
        place = experiment(client, self.results, study) if shown else ""
        for job in shown:
            if job.key in entries:
                entry = entries[job.key][0]
            else:
                tags = _live_tags(study, job) | ours.tags
                start = int(job.started * 1000)
                entry = client.create_run(place, start, tags, _live_name(job))
            # the entry itself says how far it is
            last = entry.data.metrics.get("env_steps", 0)
            log(client, entry.info.run_id, _live_metrics(job, last))
        self._nothing_there = not jobs


def _live_entries(client: MlflowClient, ours: Owner) -> dict[str, list[Entry]]:
    """Our entries of running runs by key, also those of a UI that was killed."""
    places = [e.experiment_id for e in client.search_experiments()]
    found: dict[str, list[Entry]] = {}
    query = "tags.live = 'true'"
    if not ours.alone:
        query += f" and {ours.query}"
    for entry in client.search_runs(places, query):
        if not ours.owns(entry.data.tags):
            continue
        found.setdefault(entry.data.tags["key"], []).append(entry)
    return found


def _live_name(job: Progress) -> str:
    return short_name(job.n, job.seed, job.estimator, job.environment)


def _live_tags(study: str, job: Progress) -> dict[str, str]:
    """What the entry of a run that still trains is found by."""
    names = ("environment", "estimator", "n", "seed", "key")
    known = {name: str(getattr(job, name)) for name in names}
    return known | {"study": study, "live": "true", "current": "true"}


def _live_metrics(job: Progress, last: float) -> list[Metric]:
    """The points of a run that still trains, after so many environment steps."""
    now = int(time.time() * 1000)
    return [
        Metric(name, value, now, update)
        for update, env_steps, mean_return in job.curve
        for name, value in (
            ("env_steps", env_steps),
            ("trajectories", update * job.n),
            ("mean_return", mean_return),
        )
        if env_steps > last and math.isfinite(value)
    ]
