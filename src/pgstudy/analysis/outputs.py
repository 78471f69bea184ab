"""What earlier steps wrote below results/<study>/, read again.

Nothing is read that is not what its step wrote; see `experiment.store.digests`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis.common import columns
from pgstudy.analysis.common.csv_files import read_csv
from pgstudy.analysis.common.names import (
    ACCEPTANCE,
    CLAIMS,
    PROOFS,
    VERIFICATION,
    VERIFIED_RUNS,
    gradients_file,
)
from pgstudy.analysis.common.needed import Missing, need, not_what_was_written
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import file_digest


def read_tables(folder: StudyFolder) -> Tables:
    """The tables that are there. Errors: Missing."""
    for name in Tables.SCHEMAS:
        need(folder.path, f"tables/{name}.csv", "tables")
    return Tables.read(folder.path / "tables")


def read_tuning(folder: StudyFolder) -> Tables | None:
    """The tables of the study that chose this one's learning rates. Errors: Missing."""
    return None if folder.tuning is None else read_tables(folder.tuning)


def read_aggregates(folder: StudyFolder) -> Aggregates:
    """What `tables` wrote of cells beside cells. Errors: Missing."""
    for name in Aggregates.SCHEMAS:
        need(folder.path, f"tables/{name}.csv", "tables")
    return Aggregates.read(folder.path / "tables")


def read_recordings(folder: StudyFolder) -> list[dict[str, Any]]:
    """The entries of recordings.json, each with its `data`; none if there is no file.

    Errors: Missing.
    """
    place = folder.path / "recordings"
    entries: list[dict[str, Any]]
    entries = read_json(folder.path, "recordings/recordings.json", [], "recordings")
    for entry in entries:
        if name := entry.get("file"):
            need(folder.path, f"recordings/{name}", "recordings")
            entry["data"] = (place / name).read_bytes()
    return entries


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
        raise Missing(not_what_was_written(folder / name, command)) from None


def read_gradients(
    folder: StudyFolder, environments: Sequence[str] | None = None
) -> pd.DataFrame:
    """The measurements of some environments, or of all; no rows where the study has
    none. Errors: Missing.
    """
    names = folder.study.environments if environments is None else environments
    if folder.study.gradients is None or not names:
        return pd.DataFrame(columns=columns.names(columns.GRADIENTS))
    files = [gradients_file(folder.path, name) for name in names]
    for file in files:
        need(folder.path, str(file.relative_to(folder.path)), "gradients")
    table: pd.DataFrame = pd.concat(read_csv(file, columns.GRADIENTS) for file in files)
    return table


def read_law(folder: StudyFolder) -> Tradeoffs | None:
    """The points and laws of a trade-off study; None of another. Errors: Missing."""
    if folder.study.tradeoff is None:
        return None
    for name in Tradeoffs.SCHEMAS:
        need(folder.path, f"law/{name}.csv", "law")
    return Tradeoffs.read(folder.path / "law")


def read_acceptance(folder: StudyFolder) -> pd.DataFrame | None:
    """What `comparison` wrote; None if nothing published is named. Errors: Missing."""
    if not folder.study.published:
        return None
    need(folder.path, ACCEPTANCE, "compare")
    table = read_csv(folder.path / ACCEPTANCE, columns.ACCEPTANCE)
    return table.fillna({"why": "", "reason": ""})


def read_claims(folder: StudyFolder) -> pd.DataFrame:
    """The claims and their verdicts. Errors: Missing."""
    need(folder.path, CLAIMS, "claims")
    return read_csv(folder.path / CLAIMS, columns.CLAIMS)


def read_proofs(folder: StudyFolder) -> pd.DataFrame:
    """What the estimators compute on small problems. Errors: Missing."""
    need(folder.path, PROOFS, "proofs")
    return read_csv(folder.path / PROOFS, columns.PROOFS)


def read_verification(folder: StudyFolder) -> str | None:
    """What the last verification found, if it was of the runs that are there now."""
    try:
        data = json.loads((folder.path / VERIFICATION).read_text(encoding="utf-8"))
        current = data["of"] == file_digest(folder.path / VERIFIED_RUNS)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(data["summary"]) if current else None
