"""Mirror complete runs into MLflow. Files are the truth, MLflow is the mirror.

One process uploads at a time. A run is found again by its key and content hash, so a
second sync adds nothing; runs that the study no longer asks for stay, tagged
`current: false`. The filter for the study's runs is `tags.current = 'true'`.
"""

from __future__ import annotations

import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from pgstudy.experiment.store.record import RECORD, RunRecord
from pgstudy.experiment.store.runs import FILES, Run
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system import places
from pgstudy.experiment.system.addresses import without_credentials
from pgstudy.experiment.tracking import entities as mlflow_entities
from pgstudy.experiment.tracking import mirror
from pgstudy.experiment.tracking.mirror import tracking_uri as tracking_uri

from mlflow import MlflowClient  # isort: skip
from mlflow.entities import Param, RunTag  # isort: skip
from mlflow.entities import Run as Entry  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip
from sqlalchemy.exc import SQLAlchemyError  # isort: skip

ENTITIES_PER_BATCH = 1000
PAGE = 1000
LOCK_SECONDS = 600
# What a store says that can't be used now; ValueError is of an address that is none.
UNUSABLE = (MlflowException, SQLAlchemyError, OSError, ValueError)


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


def sync(results: Path, study: Study, runs: Iterable[Run]) -> Report:
    """Make MLflow show just these runs as current. Errors: TrackingError."""
    results.mkdir(parents=True, exist_ok=True)
    try:
        with mirror.lock(results, LOCK_SECONDS):
            if aside := mirror.set_lost_store_aside(results):
                print(f"MLflow's store was no database; set aside in {aside}")
            return _Uploader(results, study).sync(list(runs))
    except filelock.Timeout:
        raise TrackingError("another process is uploading; try again later") from None
    except UNUSABLE as error:
        raise TrackingError(unusable(results, error)) from error


def trouble(results: Path, name: str) -> str | None:
    """Why a study's runs could not be uploaded now; None if nothing is known.

    For a word before training, which goes on whatever the answer.
    """
    if not store_is_there(results):
        return None
    try:
        _require_active(MlflowClient(tracking_uri(results)), results, name)
    except TrackingError as error:
        return str(error)
    except UNUSABLE as error:
        return unusable(results, error)
    return None


def store_is_there(results: Path) -> bool:
    """Whether there is a store to look into, as far as is known without looking."""
    store = mirror.own_store(results)
    return store is None or store.exists()


def unusable(results: Path, error: Exception) -> str:
    """The message of a store that can't be used, without its password."""
    text = f"MLflow at {tracking_uri(results)} can't be used: {error}"
    return without_credentials(text)


def _require_active(client: MlflowClient, results: Path, name: str) -> Any:
    """The experiment of this name, if there is one. Errors: TrackingError."""
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment '{name}' was deleted; give the study another name, "
            f"or restore it:\n  {_restoring(results, found.experiment_id)}"
        )
    return found


def _restoring(results: Path, experiment_id: str) -> str:
    """The command line; MLflow reads its variable itself, if it is set."""
    command = f"{shlex.quote(sys.executable)} -m mlflow experiments restore"
    if mirror.own_store(results) is not None:
        address = shlex.quote(tracking_uri(results))
        command = f"MLFLOW_TRACKING_URI={address} {command}"
    return f"{command} -x {experiment_id}"


def experiment(client: MlflowClient, results: Path, name: str) -> str:
    """The id of the experiment of this name, made if need be. Errors: TrackingError."""
    found = _require_active(client, results, name)
    if found is not None:
        return str(found.experiment_id)
    local = tracking_uri(results).startswith("sqlite:")
    place = (results.resolve() / places.ARTIFACTS).as_uri() if local else None
    try:
        return str(client.create_experiment(name, artifact_location=place))
    except (MlflowException, SQLAlchemyError):
        found = _require_active(
            client, results, name
        )  # another client made it meanwhile
        if found is None:
            raise
        return str(found.experiment_id)


class _Uploader:
    def __init__(self, results: Path, study: Study) -> None:
        self.uri = tracking_uri(results)
        self.study = study
        self.client = MlflowClient(self.uri)
        self.experiment_id = experiment(self.client, results, study.name)

    def sync(self, runs: list[Run]) -> Report:
        known = self._entries()
        uploaded = unchanged = replaced = 0
        ids: dict[str, str] = {}
        for run in runs:
            key, record = run.key, run.record()
            assert record is not None
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
        shown = without_credentials(self.uri)
        return Report(shown, self.experiment_id, uploaded, unchanged, replaced, ids)

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
        if entry.info.status == "RUNNING":  # a live curve, or an upload cut short
            self.client.delete_run(entry.info.run_id)
        else:
            self._mark(entry, current=False)

    def _upload(self, run: Run, record: RunRecord) -> str:
        start = int(record.started * 1000)
        end = start + int(record.seconds * 1000)
        entry = self.client.create_run(
            self.experiment_id,
            start_time=start,
            tags=mlflow_entities.tags(self.study, run, record),
            run_name=run.name,
        )
        run_id = str(entry.info.run_id)
        params = [Param(k, v) for k, v in mlflow_entities.params(record.specification)]
        self.client.log_batch(run_id, params=params)
        metrics = list(mlflow_entities.metrics(run, record, start, end))
        for i in range(0, len(metrics), ENTITIES_PER_BATCH):
            self.client.log_batch(run_id, metrics=metrics[i : i + ENTITIES_PER_BATCH])
        for name in (*FILES, RECORD):
            self.client.log_artifact(run_id, str(run.folder / name))
        # The tag that makes an entry count comes last, then the status.
        self.client.log_batch(run_id, tags=[RunTag("current", "true")])
        self.client.set_terminated(run_id, "FINISHED", end_time=end)
        return run_id


def _mirrors(entry: Entry, record: RunRecord) -> bool:
    finished = entry.info.status == "FINISHED"
    return finished and entry.data.tags.get("content_hash") == record.digest
