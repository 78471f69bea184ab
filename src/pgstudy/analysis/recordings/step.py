"""Saved policies -> films/."""

from __future__ import annotations

from pgstudy.analysis.outputs import read_tables
from pgstudy.analysis.recordings.record import write
from pgstudy.experiment.store.study_folder import StudyFolder


def films(folder: StudyFolder) -> None:
    """Policies -> films/: the worst, the median and the best run, filmed."""
    tables = read_tables(folder)
    write(folder.store, folder.study, tables, folder.path / "films")
