"""A run as MLflow has it: tags, params and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.db import utils

from pgstudy.experiment.provenance import git
from pgstudy.experiment.store.record import RunRecord
from pgstudy.experiment.store.runs import UPDATES, Run
from pgstudy.experiment.study.study import Study

utils.MAX_RETRY_COUNT = 3  # there is no variable for a database; its 10 take 100 s
ENTITIES_PER_BATCH = 1000
POINTS_PER_METRIC = 100  # a point costs 0.1 ms; the files have them all


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
    }


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
    """The updates table, finite values only.

    `episodes` adds up the updates' N, and is left out. A column that is the same
    throughout is its first and its last point.
    """
    table = thinned(pd.read_parquet(run.folder / UPDATES))
    total = record.updates
    for name in table.columns.drop(["update", "episodes"]):
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
