"""Runs -> tables/."""

from __future__ import annotations

from pgstudy.analysis.tables import aggregates
from pgstudy.analysis.tables.build import build
from pgstudy.experiment.store.study_folder import StudyFolder


def tables(folder: StudyFolder) -> None:
    """Runs -> tables/."""
    made = build(folder.store, folder.study)
    made.write(folder.path / "tables")
    aggregates.build(folder.study, made).write(folder.path / "tables")
