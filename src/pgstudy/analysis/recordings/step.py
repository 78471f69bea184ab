"""Saved policies -> recordings/."""

from __future__ import annotations

from pgstudy.analysis.outputs import read_tables
from pgstudy.analysis.recordings.record import write
from pgstudy.experiment.store.study_folder import StudyFolder


def recordings(folder: StudyFolder) -> None:
    """An episode each of the worst, the median and the best run -> recordings/."""
    tables = read_tables(folder)
    write(folder.store, folder.study, tables, folder.path / "recordings")
