"""Tables of a tuning study -> what it chooses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pgstudy.analysis.outputs import read_tables
from pgstudy.analysis.tables import tuning
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.tuning import RULE


def chosen(folder: StudyFolder) -> dict[str, Any]:
    """The learning rate of each environment, estimator and N, with the rule.

    Errors: Missing.
    """
    choices = tuning.chosen(folder.study, read_tables(folder))
    return {
        "rule": RULE,
        "seeds": list(folder.study.seeds),
        "chosen": [asdict(choice) for choice in choices],
    }
