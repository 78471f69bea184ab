"""Tables of a tuning study -> what it chooses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pgstudy.analysis.outputs import read_tables
from pgstudy.analysis.tables import tuning
from pgstudy.experiment.store.search import last_round
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study import tradeoff
from pgstudy.experiment.study.tuning import RULE


def chosen(folder: StudyFolder) -> dict[str, Any]:
    """The learning rate of each environment, estimator and N, with the rule.

    Errors: Missing.
    """
    study = folder.study
    found = last_round(folder) if study.tradeoff else None
    choices = found.best if found else tuning.chosen(study, read_tables(folder))
    return {
        "rule": tradeoff.RULE if study.tradeoff else RULE,
        "seeds": list(study.seeds),
        "chosen": [asdict(choice) for choice in choices],
    }
