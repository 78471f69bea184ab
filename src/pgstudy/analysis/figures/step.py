"""Tables and gradients -> figures/: PDF, SVG, PNG and the data as CSV, byte-stable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pgstudy.analysis.common.names import FigureKey, figure_keys
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.figures import (
    comparisons,
    gradients,
    returns,
    style,
    tradeoff,
    tuning,
)
from pgstudy.analysis.figures.layout import Drawn
from pgstudy.analysis.outputs import (
    read_aggregates,
    read_gradients,
    read_law,
    read_tables,
    read_tuning,
)
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study import Study


@dataclass(frozen=True)
class Source:
    """What the figures are drawn from."""

    study: Study
    tables: Tables
    aggregates: Aggregates
    gradients: pd.DataFrame
    tuning: Tables | None = None
    tradeoffs: Tradeoffs | None = None


# By the kind of the figure; the text is the environment, if it shows only one.
KINDS: dict[str, Callable[[Source, str], Drawn]] = {
    "learning_curves": lambda s, e: returns.learning_curves(s.study, s.tables, e),
    "learning_rates": lambda s, e: tuning.learning_rates(s.study, s.tables, e),
    "tradeoff": lambda s, e: tradeoff.draw(s.study, s.tradeoffs, e),
    "tuning": lambda s, e: tuning.draw(s.study, s.tuning, e),
    "equal_updates": lambda s, e: comparisons.equal_updates(s.study, s.tables, e),
    "gradients": lambda s, e: gradients.draw(s.study, s.gradients, e),
    "critical_n": lambda s, _: tradeoff.critical(s.study, s.tradeoffs),
    "variance_sources": lambda s, e: gradients.sources(s.gradients, e),
    "final_return": lambda s, _: returns.final_returns(s.study, s.tables),
    "wall_clock": lambda s, _: comparisons.wall_clock(s.study, s.tables),
    "profiles": lambda s, _: comparisons.profiles(s.study, s.aggregates),
    "improvement": lambda s, _: comparisons.improvement(
        s.study, s.tables, s.aggregates
    ),
}


def draw(source: Source, keys: Iterable[FigureKey], folder: Path) -> None:
    """Draw figures of `figure_keys(study)` into the folder."""
    style.use()
    for key in keys:
        figure, data = KINDS[key.kind](source, key.environment)
        style.save(figure, folder / key.name, data)


def figures(folder: StudyFolder, environment: str) -> None:
    """The figures of one environment, or of all together ("") -> figures/."""
    source = Source(
        folder.study,
        read_tables(folder),
        read_aggregates(folder),
        read_gradients(folder, [environment] if environment else []),
        read_tuning(folder),
        read_law(folder),
    )
    keys = [k for k in figure_keys(folder.study) if k.environment == environment]
    draw(source, keys, folder.path / "figures")
