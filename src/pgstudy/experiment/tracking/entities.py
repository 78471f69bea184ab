"""A run as MLflow has it: name, description, tags, params, metrics, dataset."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils

from pgstudy.experiment.provenance import git
from pgstudy.experiment.store.record import RunRecord
from pgstudy.experiment.store.runs import UPDATES, Run
from pgstudy.experiment.study.cell import learning_rate_text
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import canonical_json

utils.MAX_RETRY_COUNT = 3  # there is no variable for a database; its 10 take 100 s
ENTITIES_PER_BATCH = 1000
POINTS_PER_METRIC = 100  # a point costs 0.1 ms; the files have them all
NOTE = "mlflow.note.content"  # a description, in Markdown


def short_name(n: int, seed: int, estimator: str, environment: str) -> str:
    """An entry's name, which a table cuts: what differs most comes first."""
    return f"N={n} seed={seed} {estimator} {environment}"


def name(run: Run) -> str:
    """The name of a complete run's entry."""
    cell = run.cell
    first = short_name(cell.n, run.seed, cell.estimator, cell.environment)
    return f"{first} learning_rate={learning_rate_text(cell.learning_rate)}"


def note(run: Run, record: RunRecord) -> str:
    """A run's description: its cell and seed, how it ended, and what it reached."""
    returns = record.evaluation.get("final", [])
    mean = sum(returns) / len(returns) if returns else math.nan
    evaluated = f"{mean:.4g}, mean of {len(returns)} episodes" if returns else "none"
    reason = f", {record.reason}" if record.reason else ""
    return (
        f"{run.cell.label}, seed {run.seed}\n\n"
        f"- status: {record.status}{reason}\n"
        f"- took: {record.updates:,} updates, {record.episodes:,} trajectories, "
        f"{record.env_steps:,} environment steps\n"
        f"- return of the final policy: {evaluated}\n"
    )


def tags(study: Study, run: Run, record: RunRecord) -> dict[str, str]:
    """What an entry is found by."""
    made = record.made_by["git"]
    known = made["commit"] is not None
    return {
        "study": study.name,
        "environment": run.cell.environment,
        "estimator": run.cell.estimator,
        "n": str(run.cell.n),
        "seed": str(run.seed),
        "key": run.key,
        "content_hash": record.digest,
        "git_commit": made["commit"] if known else git.UNKNOWN,
        "git_dirty": str(made["dirty"]).lower() if known else git.UNKNOWN,
        "status": record.status,
        **({"reason": record.reason} if record.reason else {}),
        **source(record.made_by),
        NOTE: note(run, record),
    }


def source(made_by: Mapping[str, Any]) -> dict[str, str]:
    """What MLflow shows as `Source` and `Version`; a commit only if it is known."""
    commit = made_by["git"]["commit"]
    return {
        "mlflow.source.name": "pgstudy",
        "mlflow.source.type": "LOCAL",
        **({"mlflow.source.git.commit": commit} if commit else {}),
    }


def log_environment(client: MlflowClient, run_id: str, record: RunRecord) -> None:
    """Name a run's environment as its dataset: a digest of settings and code."""
    made = record.specification["environment"]
    content = canonical_json({"made": made, "of": record.made_of})
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    source = canonical_json({"id": made["id"], "kwargs": made["kwargs"]})
    data = Dataset(made["id"], digest, source_type="gymnasium", source=source)
    inputs = [DatasetInput(data, [InputTag("mlflow.data.context", "training")])]
    try:
        client.log_inputs(run_id, datasets=inputs)
    except MlflowException:  # another upload made the same dataset meanwhile
        client.log_inputs(run_id, datasets=inputs)


def params(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The specification, flat: optimizer.learning_rate and so on."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from params(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)[:6000]


def thinned(table: pd.DataFrame) -> pd.DataFrame:
    """At most POINTS_PER_METRIC rows, evenly spread, first and last included."""
    if len(table) <= POINTS_PER_METRIC:
        return table
    last = len(table) - 1
    rows = [round(i * last / (POINTS_PER_METRIC - 1)) for i in range(POINTS_PER_METRIC)]
    return table.iloc[rows]


def metrics(run: Run, record: RunRecord, start: int, end: int) -> Iterator[Metric]:
    """The updates table, finite values only; `episodes` is called trajectories.

    Charts can have `env_steps` or `trajectories` as x: both are there at each step that
    is logged. A column that is the same throughout is its first and its last point.
    """
    table = thinned(pd.read_parquet(run.folder / UPDATES))
    # of runs whose N adapts, `trajectories` is the N of each update
    table = table.rename(columns={"episodes": "trajectories", "trajectories": "n"})
    total = record.updates
    for name in table.columns.drop("update"):
        rows = table
        if table[name].nunique() <= 1:
            rows = pd.concat([table.head(1), table.tail(1)]).drop_duplicates()
        for update, value in zip(rows["update"], rows[name], strict=True):
            if math.isfinite(value):
                when = start + int((end - start) * update / total)
                yield Metric(name, float(value), when, int(update))
    for stage, returns in record.evaluation.items():
        if returns:
            mean = sum(returns) / len(returns)
            yield Metric(f"{stage}_evaluation_return", mean, end, total)


def log(
    client: MlflowClient,
    run_id: str,
    points: list[Metric],
    params: Sequence[Param] = (),
    tags: Sequence[RunTag] = (),
) -> None:
    """Add them to an entry, in as few calls as MLflow takes; the tags come last."""
    room = ENTITIES_PER_BATCH - len(params) - len(tags)
    for start in range(room, len(points), ENTITIES_PER_BATCH):
        client.log_batch(run_id, metrics=points[start : start + ENTITIES_PER_BATCH])
    client.log_batch(run_id, metrics=points[:room], params=params, tags=tags)
