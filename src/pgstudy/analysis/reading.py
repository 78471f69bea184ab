"""What earlier steps wrote below results/<study>/, read again.

Nothing is read that is not what its step wrote; see `experiment.digests`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis.aggregates import Aggregates
from pgstudy.analysis.names import GRADIENT_COLUMNS
from pgstudy.analysis.tables import Tables
from pgstudy.analysis.tabular import read_csv
from pgstudy.experiment.digests import changed
from pgstudy.experiment.runs import Store
from pgstudy.experiment.study import Study, folder_name
from pgstudy.experiment.tuning import tuning_study

ACCEPTANCE, CLAIMS, TRACKED = "acceptance.csv", "claims.csv", "tracked.json"
# Of its columns: texts may look like numbers or be empty, numbers may be missing.
TEXT = ("item", "id", "kind", "cell", "quantity", "why", "verdict", "reason")
COUNTS = ("runs", "finished", "stuck")
NUMBERS = ("value", "below", "tolerance", "ours", "low", "high", *COUNTS)
LABELS = (
    "environment", "at", "policy", "estimator", "claim", "quantity", "figure", "note",
)  # fmt: skip
LABEL_TYPES = dict.fromkeys(LABELS, str)


class Missing(RuntimeError):
    """What a step needs is not there, or not what was written.

    The message names the command that makes it.
    """


def read_tables(store: Store, study: Study, folder: Path) -> Tables:
    """The tables that are there. Errors: Missing."""
    for name in Tables.NAMES:
        need(folder, f"tables/{name}.csv", "tables")
    return Tables.read(folder / "tables")


def read_tuning(store: Store, study: Study) -> Tables | None:
    """The tables of the study that chose this one's step sizes. Errors: Missing."""
    if not study.tune_seeds:
        return None
    return read_tables(store, study, store.results / tuning_study(study).name)


def read_aggregates(folder: Path) -> Aggregates:
    """What `tables` wrote of cells beside cells. Errors: Missing."""
    for name in Aggregates.NAMES:
        need(folder, f"tables/{name}.csv", "tables")
    return Aggregates.read(folder / "tables")


def read_films(folder: Path) -> list[dict[str, Any]]:
    """The entries of films.json, each with its `data`; none if no film was made.

    Errors: Missing.
    """
    entries: list[dict[str, Any]] = read_json(folder, "films/films.json", [], "films")
    names = [entry["file"] for entry in entries if entry.get("file")]
    for name in names:
        need(folder, f"films/{name}", "films")
    films = {name: (folder / "films" / name).read_bytes() for name in names}
    return [
        entry | {"data": films[entry["file"]]} if entry.get("file") else entry
        for entry in entries
    ]


def read_json(folder: Path, name: str, otherwise: Any, command: str) -> Any:
    """What a JSON file holds, or something else where there is none.

    Errors: Missing, naming the command that makes the file, where it is damaged.
    """
    if not (folder / name).is_file():
        return otherwise
    need(folder, name, command)
    try:
        return json.loads((folder / name).read_text("utf-8"))
    except ValueError:
        raise Missing(_changed(folder / name, command)) from None


def gradients_file(folder: Path, environment: str) -> Path:
    """Where the measurements of an environment's gradients are."""
    return folder / "gradients" / f"{folder_name(environment)}.csv"


def read_gradients(study: Study, folder: Path) -> pd.DataFrame:
    """The measurements of all environments; no rows where the study has none.

    Errors: Missing.
    """
    if study.gradients is None:
        return pd.DataFrame(columns=GRADIENT_COLUMNS)
    files = [gradients_file(folder, environment) for environment in study.environments]
    for file in files:
        need(folder, str(file.relative_to(folder)), "gradients")
    table: pd.DataFrame = pd.concat(read_csv(file, LABEL_TYPES) for file in files)
    return table


def read_acceptance(store: Store, study: Study, folder: Path) -> pd.DataFrame | None:
    """What `comparison` wrote; None if nothing published is named. Errors: Missing."""
    if not study.published:
        return None
    need(folder, ACCEPTANCE, "compare")
    table: pd.DataFrame = pd.read_csv(
        folder / ACCEPTANCE,
        keep_default_na=False,
        na_values={name: [""] for name in NUMBERS},
        dtype=dict.fromkeys(TEXT, str),
    )
    return table


def need(folder: Path, name: str, command: str) -> None:
    """Errors: Missing, naming the command that makes the file."""
    if not (folder / name).exists():
        raise Missing(f"{folder / name} is missing; run `pgstudy {command}` first")
    if changed(folder, name):
        raise Missing(_changed(folder / name, command))


def _changed(file: Path, command: str) -> str:
    return (
        f"{file} is not what `pgstudy {command}` wrote; call that again, or snakemake, "
        "which makes it and all that follows from it again"
    )


def read_claims(folder: Path) -> pd.DataFrame:
    """The claims and their verdicts. Errors: Missing."""
    need(folder, CLAIMS, "claims")
    return read_csv(folder / CLAIMS, LABEL_TYPES)
