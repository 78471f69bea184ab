"""Mirror complete runs into MLflow. Files are the truth, MLflow is the mirror.

One process uploads at a time from a results folder, and to a database that is a file.
A run is found again by its key and content hash, so a second sync adds nothing; runs
that the study no longer asks for stay, tagged `current: false`. The filter for the
study's runs is `tags.current = 'true'`. Other results folders' entries are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import filelock
from mlflow import MlflowClient
from mlflow.entities import Param, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pgstudy.experiment.store.record import RECORD, RunRecord
from pgstudy.experiment.store.runs import FILES, Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.addresses import without_credentials
from pgstudy.experiment.tracking import entities, known, mirror
from pgstudy.experiment.tracking.experiments import (
    UNUSABLE,
    TrackingError,
    describe,
    experiment,
    unusable,
)
from pgstudy.experiment.tracking.known import Entry
from pgstudy.experiment.tracking.owner import owner

LOCK_SECONDS = 600
AT_ONCE = 4  # uploads over http


@dataclass(frozen=True)
class Report:
    """What one sync did."""

    uri: str
    experiment_id: str
    uploaded: int
    unchanged: int
    replaced: int
    runs: dict[str, str]


def sync(folder: StudyFolder, runs: Iterable[Run]) -> Report:
    """Make MLflow show just these runs as current. Errors: TrackingError."""
    results = folder.store.results
    results.mkdir(parents=True, exist_ok=True)
    try:
        with mirror.lock(results, LOCK_SECONDS):
            if aside := mirror.set_lost_store_aside(results):
                print(f"MLflow's store was no database; set aside in {aside}")
            return _Uploader(folder).sync(list(runs))
    except filelock.Timeout:
        raise TrackingError("another process is uploading; try again later") from None
    except UNUSABLE as error:
        raise TrackingError(unusable(results, error)) from error


class _Uploader:
    def __init__(self, folder: StudyFolder) -> None:
        results, self.study = folder.store.results, folder.study
        self.uri = mirror.tracking_uri(results)
        self.owner = owner(results)
        self.client = MlflowClient(self.uri)
        self.experiment_id = experiment(self.client, results, self.study.name)
        describe(self.client, self.experiment_id, self.study)

    def sync(self, runs: list[Run]) -> Report:
        there = known.entries(self.client, self.uri, self.experiment_id, self.owner)
        replaced = 0
        ids: dict[str, str] = {}
        new: list[Run] = []
        for run in runs:
            record = run.record()
            assert record is not None
            entries = there.pop(run.key, [])
            good = [e for e in entries if _mirrors(e, record)]
            for entry in [e for e in entries if e not in good[:1]]:
                self.client.delete_run(entry.run_id)
                replaced += 1
            if good:
                ids[run.key] = good[0].run_id
                self._mark(good[0], current=True)
            else:
                new.append(run)
        for entry in [e for entries in there.values() for e in entries]:
            self._retire(entry)
        unchanged = len(ids)
        ids |= self._upload_all(new)
        shown = without_credentials(self.uri)
        return Report(shown, self.experiment_id, len(new), unchanged, replaced, ids)

    def _upload_all(self, runs: list[Run]) -> dict[str, str]:
        """Their entries' ids by key. A server takes several at once, SQLite one."""
        if not self.uri.startswith("http"):
            return {run.key: self._upload(run) for run in runs}
        with ThreadPoolExecutor(AT_ONCE) as pool:  # the first error ends the others
            ids = pool.map(self._upload, runs)
            return {run.key: name for run, name in zip(runs, ids, strict=True)}

    def _mark(self, entry: Entry, current: bool) -> None:
        value = "true" if current else "false"
        if entry.tags.get("current") != value:
            self.client.set_tag(entry.run_id, "current", value)

    def _retire(self, entry: Entry) -> None:
        if entry.status == "RUNNING":  # a live curve, or an upload cut short
            self.client.delete_run(entry.run_id)
        else:
            self._mark(entry, current=False)

    def _upload(self, run: Run) -> str:
        record = run.record()
        assert record is not None
        start = int(record.started * 1000)
        end = start + int(record.seconds * 1000)
        entry = self.client.create_run(
            self.experiment_id,
            start_time=start,
            tags=entities.tags(self.study, run, record) | self.owner.tags,
            run_name=entities.name(run),
        )
        run_id, place = str(entry.info.run_id), entry.info.artifact_uri
        # `client.log_artifact` would ask for the place once more
        artifacts: Any = get_artifact_repository(place, tracking_uri=self.uri)
        for name in (*FILES, RECORD):
            artifacts.log_artifact(str(run.folder / name))
        params = [Param(*item) for item in entities.params(record.specification)]
        metrics = list(entities.metrics(run, record, start, end))
        current = [RunTag("current", "true")]
        entities.log(self.client, run_id, metrics, params, current)
        entities.log_environment(self.client, run_id, record)
        # The status, which makes an entry count, comes last.
        self.client.set_terminated(run_id, "FINISHED", end_time=end)
        return run_id


def _mirrors(entry: Entry, record: RunRecord) -> bool:
    finished = entry.status == "FINISHED"
    return finished and entry.tags.get("content_hash") == record.digest
