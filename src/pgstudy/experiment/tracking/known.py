"""What MLflow has of a results folder's runs: enough to know what to upload, no more.

MLflow's own search brings the parameters and metrics of each entry along, 2.6 ms of it,
so a database is asked itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlflow import MlflowClient
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
from sqlalchemy import create_engine, select

from pgstudy.experiment.tracking.owner import STORE, Owner

PAGE = 1000
TAGS = ("key", "content_hash", "current", STORE)


@dataclass(frozen=True)
class Entry:
    """A run in MLflow: its id there, its status, and those of `TAGS` that it has."""

    run_id: str
    status: str
    tags: dict[str, str] = field(default_factory=dict)


def entries(
    client: MlflowClient, uri: str, experiment: str, owner: Owner
) -> dict[str, list[Entry]]:
    """The owner's entries of an experiment by key, whatever their status; last first.

    Errors: MlflowException, SQLAlchemyError.
    """
    found: dict[str, list[Entry]] = defaultdict(list)
    if _is_database(uri):
        every = _stored(uri, experiment)
    else:
        every = _found(client, experiment, owner)
    for entry in every:
        if "key" in entry.tags and owner.owns(entry.tags):
            found[entry.tags["key"]].append(entry)
    return dict(found)


def _is_database(uri: str) -> bool:
    kind = uri.partition(":")[0].partition("+")[0]
    return kind in DATABASE_ENGINES


def _stored(uri: str, experiment: str) -> Iterator[Entry]:
    """By a query for what is needed, in the order of `_found`."""
    query = (
        select(SqlRun.run_uuid, SqlRun.status, SqlTag.key, SqlTag.value)
        .join(SqlTag, SqlTag.run_uuid == SqlRun.run_uuid)
        .where(SqlRun.experiment_id == int(experiment))
        .where(SqlRun.lifecycle_stage == "active", SqlTag.key.in_(TAGS))
        .order_by(SqlRun.start_time.desc(), SqlRun.run_uuid)
    )
    engine = create_engine(uri)
    found: dict[str, Entry] = {}
    try:
        with engine.connect() as connection:
            for run_id, status, name, value in connection.execute(query):
                entry = found.setdefault(run_id, Entry(run_id, status))
                entry.tags[name] = value
    finally:
        engine.dispose()
    yield from found.values()


def _found(client: MlflowClient, experiment: str, owner: Owner) -> Iterator[Entry]:
    """By MLflow's search, page by page: of a server, which sends no others' entries."""
    token = None
    while True:
        page = client.search_runs(
            [experiment], owner.query, max_results=PAGE, page_token=token
        )
        for entry in page:
            tags = {k: v for k, v in entry.data.tags.items() if k in TAGS}
            yield Entry(entry.info.run_id, entry.info.status, tags)
        token = page.token
        if not token:
            return
