"""Tables and gradients of a trade-off study -> law/."""

from __future__ import annotations

from pgstudy.analysis.law.points import build
from pgstudy.analysis.outputs import read_gradients, read_tables, read_tuning
from pgstudy.experiment.store.study_folder import StudyFolder


def law(folder: StudyFolder) -> None:
    """Write both tables. Errors: Missing."""
    made = build(
        folder.study, read_tables(folder), read_tuning(folder), read_gradients(folder)
    )
    made.write(folder.path / "law")
