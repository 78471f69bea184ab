"""Saved policies -> gradients/, a table per environment, if the study says so.

Each policy is measured by itself, into gradients/parts/; they may be so at once.
"""

from __future__ import annotations

from pgstudy.analysis.common.csv_files import csv_writer
from pgstudy.analysis.common.names import gradients_file
from pgstudy.analysis.common.needed import need
from pgstudy.analysis.common.parts import Measurement, measurements
from pgstudy.analysis.gradients.noise import measure as rows_at
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import write_atomically


def measure(folder: StudyFolder, environment: str, estimator: str, at: str) -> None:
    """Gradients at one policy, of an estimator's run -> gradients/parts/."""
    measurement = Measurement(environment, estimator, at)
    table = rows_at(folder.store, folder.study, measurement)
    write_atomically(folder.path / measurement.file, csv_writer(table))


def gradients(folder: StudyFolder, environment: str) -> None:
    """What was measured in an environment -> a table of gradients/. Errors: Missing.

    The files are joined as text, so not a digit can change.
    """
    files = [m.file for m in measurements(folder.study, environment)]
    for file in files:
        need(folder.path, str(file), "measure")
    first, *others = [(folder.path / file).read_bytes() for file in files]
    rows = [part.partition(b"\n")[2] for part in others]  # without its header
    content = b"".join([first, *rows])
    place = gradients_file(folder.path, environment)
    write_atomically(place, lambda path: path.write_bytes(content))
