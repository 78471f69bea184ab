"""Mirror complete runs into MLflow. Files are the truth, MLflow is the mirror.

One process uploads at a time. A run is found again by its key and content hash, so a
second sync adds nothing; runs that the study no longer asks for stay, tagged
`current: false`. The filter for the study's runs is `tags.current = 'true'`.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from pgstudy.experiment.runs import FILES, UPDATES, Run
from pgstudy.experiment.study import Study

# Set before mlflow is imported: against a dead server its defaults block for minutes.
BOUNDS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
for _name, _value in BOUNDS.items():
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.entities import Run as Entry  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

POINTS_PER_METRIC = 500
ENTITIES_PER_BATCH = 1000
PAGE = 1000
LOCK_SECONDS = 600


class TrackingError(RuntimeError):
    """MLflow can't take the runs now; the message says why and what to do."""


@dataclass(frozen=True)
class Report:
    """What one sync did."""

    uri: str
    experiment_id: str
    uploaded: int
    unchanged: int
    replaced: int
    runs: dict[str, str]


def tracking_uri(results: Path) -> str:
    """MLFLOW_TRACKING_URI if set, else SQLite in the results folder, absolute."""
    default = f"sqlite:///{results.resolve() / 'mlflow.db'}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def sync(results: Path, study: Study, runs: Iterable[Run]) -> Report:
    """Make MLflow show just these runs as current. Errors: TrackingError."""
    results.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(results / ".mlflow.lock", timeout=LOCK_SECONDS):
            return _Uploader(results, study).sync(list(runs))
    except filelock.Timeout:
        raise TrackingError("another process is uploading; try again later") from None
    except MlflowException as error:
        uri = tracking_uri(results)
        raise TrackingError(f"MLflow at {uri} refused: {error}") from error


class _Uploader:
    def __init__(self, results: Path, study: Study) -> None:
        self.uri = tracking_uri(results)
        self.study = study
        self.client = MlflowClient(self.uri)
        self.experiment_id = self._experiment(results)

    def _experiment(self, results: Path) -> str:
        found = self.client.get_experiment_by_name(self.study.name)
        if found is None:
            local = self.uri.startswith("sqlite:")
            place = (results.resolve() / "mlartifacts").as_uri() if local else None
            return str(
                self.client.create_experiment(self.study.name, artifact_location=place)
            )
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"the MLflow experiment '{self.study.name}' was deleted; restore it "
                f"(mlflow experiments restore -x {found.experiment_id}) or give the "
                "study another name"
            )
        return str(found.experiment_id)

    def sync(self, runs: list[Run]) -> Report:
        known = self._entries()
        uploaded = unchanged = replaced = 0
        ids: dict[str, str] = {}
        for run in runs:
            key, record = run.cell.key(run.seed), run.record() or {}
            entries = known.pop(key, [])
            good = [e for e in entries if _mirrors(e, record)]
            for entry in [e for e in entries if e not in good[:1]]:
                self.client.delete_run(entry.info.run_id)
                replaced += 1
            if good:
                ids[key] = good[0].info.run_id
                self._mark(good[0], current=True)
                unchanged += 1
            else:
                ids[key] = self._upload(run, record)
                uploaded += 1
        for entry in [e for entries in known.values() for e in entries]:
            self._retire(entry)
        return Report(self.uri, self.experiment_id, uploaded, unchanged, replaced, ids)

    def _entries(self) -> dict[str, list[Entry]]:
        """The experiment's entries by key, whatever their status."""
        entries: dict[str, list[Entry]] = defaultdict(list)
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], max_results=PAGE, page_token=token
            )
            for entry in page:
                if "key" in entry.data.tags:
                    entries[entry.data.tags["key"]].append(entry)
            token = page.token
            if not token:
                return dict(entries)

    def _mark(self, entry: Entry, current: bool) -> None:
        value = "true" if current else "false"
        if entry.data.tags.get("current") != value:
            self.client.set_tag(entry.info.run_id, "current", value)

    def _retire(self, entry: Entry) -> None:
        if entry.info.status == "RUNNING":  # an upload that a kill cut short
            self.client.delete_run(entry.info.run_id)
        else:
            self._mark(entry, current=False)

    def _upload(self, run: Run, record: dict[str, Any]) -> str:
        start = int(record["started"] * 1000)
        end = start + int(record["seconds"] * 1000)
        entry = self.client.create_run(
            self.experiment_id,
            start_time=start,
            tags=_tags(self.study, run, record),
            run_name=run.name,
        )
        run_id = str(entry.info.run_id)
        params = [Param(k, v) for k, v in _params(record["specification"])]
        self.client.log_batch(run_id, params=params)
        metrics = list(_metrics(run, record, start, end))
        for i in range(0, len(metrics), ENTITIES_PER_BATCH):
            self.client.log_batch(run_id, metrics=metrics[i : i + ENTITIES_PER_BATCH])
        for name in (*FILES, "run.json"):
            self.client.log_artifact(run_id, str(run.folder / name))
        # The tag that makes an entry count comes last, then the status.
        self.client.log_batch(run_id, tags=[RunTag("current", "true")])
        self.client.set_terminated(run_id, "FINISHED", end_time=end)
        return run_id


def _mirrors(entry: Entry, record: dict[str, Any]) -> bool:
    finished = entry.info.status == "FINISHED"
    return finished and entry.data.tags.get("content_hash") == record.get("digest")


def _tags(study: Study, run: Run, record: dict[str, Any]) -> dict[str, str]:
    git = record["made_by"]["git"]
    return {
        "study": study.name,
        "environment": run.cell.environment,
        "estimator": run.cell.estimator,
        "n": str(run.cell.n),
        "seed": str(run.seed),
        "key": run.cell.key(run.seed),
        "content_hash": record["digest"],
        "git_commit": str(git["commit"]),
        "git_dirty": str(git["dirty"]).lower(),
        "diverged": str(record["status"] == "diverged").lower(),
    }


def _params(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The specification, flat: optimizer.learning_rate and so on."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _params(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)[:6000]


def thinned(table: pd.DataFrame) -> pd.DataFrame:
    """At most POINTS_PER_METRIC rows, evenly spread, first and last included."""
    if len(table) <= POINTS_PER_METRIC:
        return table
    last = len(table) - 1
    rows = [round(i * last / (POINTS_PER_METRIC - 1)) for i in range(POINTS_PER_METRIC)]
    return table.iloc[rows]


def _metrics(
    run: Run, record: dict[str, Any], start: int, end: int
) -> Iterator[Metric]:
    """Every column of the updates table, by update; non-finite values are left out."""
    table = thinned(pd.read_parquet(run.folder / UPDATES))
    total = record["updates"]
    for name in table.columns.drop("update"):
        for update, value in zip(table["update"], table[name], strict=True):
            if math.isfinite(value):
                when = start + int((end - start) * update / total)
                yield Metric(name, float(value), when, int(update))
    for stage, returns in record["evaluation"].items():
        if returns:
            mean = sum(returns) / len(returns)
            yield Metric(f"{stage}_evaluation_return", mean, end, total)
