"""Where MLflow's store is, and whether it holds what a receipt says.

The receipt of an upload is results/<study>/tracked.json. Imports no mlflow, which
takes over a second: this is asked whenever the graph of jobs is built.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import filelock

from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import free_place
from pgstudy.experiment.system.shared_disk import lock_of

VARIABLE = "MLFLOW_TRACKING_URI"
RECEIPT = "tracked.json"
# What SQLite says of a file that is no database, or not MLflow's
NO_STORE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


def tracking_uri(results: Path) -> str:
    """MLFLOW_TRACKING_URI if set, else SQLite in the results folder, absolute."""
    return os.environ.get(VARIABLE) or _sqlite(results.resolve() / places.MLFLOW)


def _sqlite(file: Path) -> str:
    # a question mark would end the file's name; SQLite's own addresses can quote it
    if "?" in str(file):
        return f"sqlite:///file:{quote(str(file))}?uri=true"
    return f"sqlite:///{file}"


def own_store(results: Path) -> Path | None:
    """The store in the results folder, made or not; None if another one is named."""
    return None if os.environ.get(VARIABLE) else results / places.MLFLOW


def lock(results: Path, seconds: float) -> filelock.FileLock:
    """Held by who writes to the store: beside it where it is a file, since several
    projects may share one; else in the results folder.
    """
    store = own_store(results) or _file(tracking_uri(results))
    place = store.with_name(f".{store.stem}.lock") if store else None
    return lock_of(place or results / places.MLFLOW_LOCK, seconds)


def _file(uri: str) -> Path | None:
    """The file of a SQLite store that was named by its path."""
    if not uri.startswith("sqlite:"):
        return None
    from sqlalchemy.engine import make_url  # slow, and few have such a store

    name = make_url(uri).database
    return Path(name) if name and not name.startswith((":", "file:")) else None


def entries(store: Path) -> set[str] | None:
    """Ids of the runs in a store; None if that can't be known now.

    Errors: sqlite3.DatabaseError, if the file is no store of MLflow's.
    """
    address = f"file:{quote(str(store.resolve()))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT run_uuid FROM runs").fetchall()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in NO_STORE:
            raise
        return None  # somebody writes to it
    return {str(row[0]) for row in rows}


def set_lost_store_aside(results: Path) -> Path | None:
    """Move a file away that is no store of MLflow's. Returns where it is then."""
    store = own_store(results)
    try:
        if store is not None and store.exists():
            entries(store)
        return None
    except sqlite3.DatabaseError:
        assert store is not None
        return store.rename(free_place(results / places.SET_ASIDE, store.name))


def receipt(file: Path) -> dict[str, Any]:
    """What the last upload said; empty if there was none or its file is damaged."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def trouble(file: Path) -> str | None:
    """Why the last upload failed; None if it did not."""
    said = receipt(file) or {"trouble": f"{file} is damaged; call snakemake again"}
    return said.get("trouble")


def is_true(file: Path, held: set[str] | None) -> bool:
    """Whether an upload succeeded and a store with these entries still holds it."""
    said = receipt(file)
    runs = said.get("runs")
    if "trouble" in said or not isinstance(runs, Mapping):
        return False
    return held is None or held.issuperset(runs.values())


def held(results: Path) -> set[str] | None:
    """Ids of the runs in the store of the results folder; none if it is lost, None if
    the store is another one or that can't be known now.
    """
    store = own_store(results)
    if store is None:
        return None
    try:
        return entries(store) if store.exists() else set()
    except sqlite3.DatabaseError:
        return set()
