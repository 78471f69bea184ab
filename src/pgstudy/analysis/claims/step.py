"""Tables, gradients and laws -> claims.csv."""

from __future__ import annotations

from pgstudy.analysis.claims.claims import build
from pgstudy.analysis.common.csv_files import csv_writer
from pgstudy.analysis.common.names import CLAIMS
from pgstudy.analysis.outputs import (
    read_aggregates,
    read_gradients,
    read_law,
    read_tables,
    read_tuning,
)
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import write_atomically


def claims(folder: StudyFolder) -> None:
    """Tables, gradients and laws -> claims.csv."""
    table = build(
        folder.study,
        read_tables(folder),
        read_aggregates(folder),
        read_gradients(folder),
        read_tuning(folder),
        read_law(folder),
    )
    write_atomically(folder.path / CLAIMS, csv_writer(table))
