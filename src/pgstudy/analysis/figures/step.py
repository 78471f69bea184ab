"""Tables -> figures/."""

from __future__ import annotations

from pgstudy.analysis.figures.drawing import Source, draw
from pgstudy.analysis.outputs import (
    read_aggregates,
    read_gradients,
    read_tables,
    read_tuning,
)
from pgstudy.experiment.store.study_folder import StudyFolder


def figures(folder: StudyFolder) -> None:
    """Tables and gradients -> figures/."""
    source = Source(
        folder.study,
        read_tables(folder),
        read_aggregates(folder),
        read_gradients(folder),
        read_tuning(folder),
    )
    draw(source, folder.path / "figures")
