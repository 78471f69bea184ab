"""Saved policies -> gradients/, a table per environment, if the study says so."""

from __future__ import annotations

from pgstudy.analysis.common.csv_files import csv_writer
from pgstudy.analysis.common.names import gradients_file
from pgstudy.analysis.gradients.noise import measure
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import write_atomically


def gradients(folder: StudyFolder, environment: str = "") -> None:
    """Those of one environment, or of all."""
    study = folder.study
    if study.gradients is None:
        return
    for name in [environment] if environment else study.environments:
        table = measure(folder.store, study, name)
        write_atomically(gradients_file(folder.path, name), csv_writer(table))
