"""The estimators of a study -> proofs.csv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from pgstudy.analysis.common.columns import PROOFS as COLUMNS
from pgstudy.analysis.common.columns import names
from pgstudy.analysis.common.csv_files import csv_writer
from pgstudy.analysis.common.names import PROOFS
from pgstudy.analysis.proofs.verdict import rows, verdict
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import write_atomically
from pgstudy.learning.specification import EstimatorSpecification


def proofs(folder: StudyFolder) -> None:
    """The estimators of a study -> proofs.csv."""
    table = proof_table(estimators(folder.study))
    write_atomically(folder.path / PROOFS, csv_writer(table))


def estimators(study: Study) -> dict[str, EstimatorSpecification]:
    """Each by its name, as it is in the first environment."""
    cells = reversed(study.cells)
    found = {cell.estimator: cell.specification.estimator for cell in cells}
    return {name: found[name] for name in study.estimators}


def proof_table(estimators: Mapping[str, EstimatorSpecification]) -> pd.DataFrame:
    """A row for each estimator, problem and N, with the verdict of its estimator."""
    found = []
    for name, how in estimators.items():
        mine = rows({name: how})
        word = verdict(mine)
        found += [asdict(row) | {"verdict": word} for row in mine]
    return pd.DataFrame(found, columns=names(COLUMNS))
