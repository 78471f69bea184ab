"""Every figure of a study, by name: PDF, SVG, PNG and the data as CSV, byte-stable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from pgstudy.analysis.common.names import figure_names
from pgstudy.analysis.figures import comparisons as beside
from pgstudy.analysis.figures import gradients as gradient_figures
from pgstudy.analysis.figures import panels as figures
from pgstudy.analysis.figures import style
from pgstudy.analysis.figures import tuning as tuning_figures
from pgstudy.analysis.figures.panels import Drawn
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables
from pgstudy.experiment.study.study import Study


@dataclass(frozen=True)
class Source:
    """What the figures are drawn from."""

    study: Study
    tables: Tables
    aggregates: Aggregates
    gradients: pd.DataFrame
    tuning: Tables | None = None


# By the kind that a figure's name begins with; the text is the environment, if any.
KINDS: dict[str, Callable[[Source, str], Drawn]] = {
    "learning_curves": lambda s, e: figures.learning_curves(s.study, s.tables, e),
    "step_sizes": lambda s, e: figures.step_sizes(s.study, s.tables, e),
    "tuning": lambda s, e: tuning_figures.draw(s.study, s.tuning, e),
    "equal_updates": lambda s, e: beside.equal_updates(s.study, s.tables, e),
    "gradients": lambda s, e: gradient_figures.draw(s.study, s.gradients, e),
    "final_return": lambda s, _: figures.final_returns(s.study, s.tables),
    "wall_clock": lambda s, _: beside.wall_clock(s.study, s.tables),
    "profiles": lambda s, _: beside.profiles(s.study, s.aggregates),
    "improvement": lambda s, _: beside.improvement(s.study, s.tables, s.aggregates),
}


def draw(source: Source, folder: Path) -> None:
    """Draw every figure of `figure_names(study)` into the folder."""
    style.use()
    for name in figure_names(source.study):
        kind, _, place = name.partition("-")
        figure, data = KINDS[kind](source, unquote(place))
        style.save(figure, folder / name, data)
