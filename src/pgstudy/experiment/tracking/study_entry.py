"""The study itself as a run in MLflow: report, figures, tables, config and numbers.

It is tagged `pgstudy.level: study`, and has no tag `current`, so that it is no row
among the runs that are compared. It is made again when what it shows has changed.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import filelock
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities import Run as Entry
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pgstudy.experiment.provenance.identity import describe as made_by
from pgstudy.experiment.store.digests import records
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.tracking import entities, experiments, mirror
from pgstudy.experiment.tracking.experiments import UNUSABLE, TrackingError, unusable
from pgstudy.experiment.tracking.owner import Owner, owner

LOCK_SECONDS = 600
LEVEL = {"pgstudy.level": "study"}
QUERY = f"tags.{experiments.LEVEL} = 'study'"
FOLDERS = ("tables", "figures", "law", "gradients")
TOP = (".html", ".md", ".csv")
# The file with a study's main numbers, its columns, and what tells its rows apart
LAWS = ("law/laws.csv", ("s_min", "e_min", "critical_n"), ("environment", "estimator"))
SUMMARY = (
    "tables/summary.csv",
    ("final_return", "area"),
    ("environment", "estimator", "n", "learning_rate"),
)


def upload(folder: StudyFolder) -> str:
    """Make MLflow show the study as its files are now. Errors: TrackingError.

    Returns: `uploaded`, or `unchanged`.
    """
    results = folder.store.results
    try:
        with mirror.lock(results, LOCK_SECONDS):
            client = MlflowClient(mirror.tracking_uri(results))
            return _replace(client, folder, owner(results))
    except filelock.Timeout:
        raise TrackingError("another process is uploading; try again later") from None
    except UNUSABLE as error:
        raise TrackingError(unusable(results, error)) from error


def entries(client: MlflowClient, experiment_id: str, ours: Owner) -> list[Entry]:
    """Our entries of the study itself, whatever their status."""
    query = QUERY if ours.alone else f"{QUERY} and {ours.query}"
    found = client.search_runs([experiment_id], query)
    return [entry for entry in found if ours.owns(entry.data.tags)]


def _replace(client: MlflowClient, folder: StudyFolder, ours: Owner) -> str:
    place = experiments.experiment(client, folder.store.results, folder.study.name)
    files = _files(folder)
    content = canonical_json([files, dict(folder.study.config)])
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    found = entries(client, place, ours)
    good = [
        entry
        for entry in found
        if entry.info.status == "FINISHED" and entry.data.tags["content_hash"] == digest
    ]
    for entry in found:
        if entry not in good[:1]:
            client.delete_run(entry.info.run_id)
    if good:
        return "unchanged"
    tags = ours.tags | entities.source(made_by()) | LEVEL
    tags |= {"study": folder.study.name, "content_hash": digest}
    tags[entities.NOTE] = experiments.note(folder.study)
    _make(client, folder, place, tags, list(files))
    return "uploaded"


def _make(
    client: MlflowClient,
    folder: StudyFolder,
    place: str,
    tags: dict[str, str],
    files: list[str],
) -> None:
    """An entry with its files and numbers; the status, by which it counts, is last."""
    name = f"{folder.study.name}: report"
    made = client.create_run(place, tags=tags, run_name=name)
    run_id, uri = str(made.info.run_id), mirror.tracking_uri(folder.store.results)
    artifacts: Any = get_artifact_repository(made.info.artifact_uri, tracking_uri=uri)
    for file in files:
        above = str(PurePosixPath(file).parent)
        to = None if above == "." else above
        artifacts.log_artifact(str(folder.path / file), to)
    client.log_dict(run_id, dict(folder.study.config), "study.yaml")
    entities.log(client, run_id, list(_metrics(folder.path)))
    client.set_terminated(run_id, "FINISHED")


def _files(folder: StudyFolder) -> dict[str, str]:
    """What the steps recorded, by name below the study's folder: SHA-256."""
    known = {k: v for step in records(folder.path).values() for k, v in step.items()}
    return {name: known[name] for name in sorted(known) if _is_shown(name)}


def _is_shown(name: str) -> bool:
    above, path = str(PurePosixPath(name).parent), PurePosixPath(name)
    return above in FOLDERS or (above == "." and path.suffix in TOP)


def _metrics(folder: Path) -> Iterator[Metric]:
    """The fitted law, or the means of each cell: `s_min/CartPole-v1/leave-one-out`."""
    name, columns, parts = LAWS if (folder / LAWS[0]).is_file() else SUMMARY
    now = int(time.time() * 1000)
    with (folder / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = "/".join(_part(key, row) for key in parts if row.get(key))
            for column in columns:
                value = float(row.get(column) or "nan")
                if math.isfinite(value):
                    yield Metric(f"{column}/{place}", value, now, 0)


def _part(key: str, row: dict[str, str]) -> str:
    """A value as MLflow takes it in a name."""
    text = re.sub(r"[^\w.-]", "_", row[key], flags=re.ASCII).strip(".") or "_"
    return {"n": f"N{text}", "learning_rate": f"rate{text}"}.get(key, text)
