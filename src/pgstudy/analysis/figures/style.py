"""How figures look and are saved: byte-stable, TrueType fonts, without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pgstudy.analysis.common import colours
from pgstudy.analysis.common.csv_files import csv_writer
from pgstudy.analysis.common.names import ENDINGS
from pgstudy.experiment.study.cell import Cell, learning_rate_text
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import write_atomically

DPI = 200
TITLE = 9  # points, a figure's title
MARKERS = "osD^vPX*<>pdH1234+x"  # numbers follow
REFERENCE: Any = {"color": "0.5", "lw": 0.8, "ls": "--"}  # a threshold, a law
LINES = ("-", "--", "-.", ":")
STYLE = {
    "pdf.fonttype": 42,
    "svg.hashsalt": "pgstudy",
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
}
Colour = str | tuple[float, float, float]


def use() -> None:
    """Set the style for all figures that follow, from matplotlib's own defaults."""
    mpl.rcdefaults()
    sns.set_theme(style="ticks", rc=STYLE)


def save(figure: Figure, path: Path, data: pd.DataFrame | None = None) -> None:
    """Write the figure beside `path`, one file per ending, and close it.

    `data`, what it shows, is written as CSV beside it. It is laid out once for all
    endings, which takes as long as drawing one of them; with a layout engine, even one
    that does nothing, matplotlib would draw each of them twice.
    """
    figure.set_dpi(DPI)
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    if data is not None:
        write_atomically(path.with_name(f"{path.name}.csv"), csv_writer(data))
    for ending in ENDINGS:
        write_atomically(
            path.with_name(f"{path.name}.{ending}"),
            lambda p, e=ending: figure.savefig(p, format=e, dpi=DPI),  # type: ignore[misc]
        )
    plt.close(figure)


@dataclass(frozen=True)
class Looks:
    """One colour per N, light to dark, the same in every figure of every study.

    Where a study compares learning rates at a single N, they have the colours.
    """

    by_learning_rate: bool
    colours: Mapping[float, Colour]

    def of(self, cell: Cell) -> Colour:
        """The colour of a cell."""
        return self.colours[cell.learning_rate if self.by_learning_rate else cell.n]

    @property
    def title(self) -> str:
        """What the colours stand for."""
        if self.by_learning_rate:
            return "learning rate"
        return "N, trajectories per update"

    def handles(self) -> list[Line2D]:
        """A legend's entry for each colour."""
        text = learning_rate_text if self.by_learning_rate else str
        return [
            Line2D([], [], color=colour, lw=2, label=text(key))
            for key, colour in self.colours.items()
        ]


def looks(study: Study) -> Looks:
    """How the cells of a study are drawn."""
    by_learning_rate = study.sweeps_learning_rates and len(study.sample_counts) == 1
    if not by_learning_rate:
        return Looks(False, {n: colours.of_n(n) for n in study.sample_counts})
    palette = sns.color_palette("plasma_r", len(study.learning_rates) + 1)[1:]
    return Looks(True, dict(zip(study.learning_rates, palette, strict=True)))


def set_of(count: int) -> list[Colour]:
    """So many that can be told apart, where they stand for neither N nor estimators."""
    found: list[Colour] = sns.color_palette("Set2", count)
    return found


def marker(index: int) -> str:
    """The marker of an estimator, by its place in the study; no two are alike."""
    return MARKERS[index] if index < len(MARKERS) else f"${index + 1}$"


def estimator_look(index: int) -> dict[str, Any]:
    """Colour, line and marker of an estimator where colours do not stand for N."""
    hues = len(colours.ESTIMATORS)
    colour, line = colours.ESTIMATORS[index % hues], LINES[index // hues % len(LINES)]
    return {"color": colour, "ls": line, "marker": marker(index)}


def estimator_handles(study: Study, **look: Any) -> list[Line2D]:
    """A legend's entry for each estimator; `look` replaces parts of its look."""
    return [
        Line2D([], [], **(estimator_look(i) | {"ms": 5, "lw": 1} | look), label=name)
        for i, name in enumerate(study.estimators)
    ]
