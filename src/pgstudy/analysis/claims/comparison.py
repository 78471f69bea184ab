"""Runs -> acceptance.csv, if the study names published values."""

from __future__ import annotations

from pgstudy.analysis.claims.acceptance import compare
from pgstudy.analysis.common.csv_files import csv_writer
from pgstudy.analysis.common.names import ACCEPTANCE
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import write_atomically


def comparison(folder: StudyFolder) -> None:
    """Hold the runs against what is published."""
    if folder.study.published:
        table = compare(folder.store, folder.study)
        write_atomically(folder.path / ACCEPTANCE, csv_writer(table))
