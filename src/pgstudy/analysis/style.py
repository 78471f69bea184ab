"""How figures look and are saved: byte-stable, TrueType fonts, without a screen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"  # a server has no screen, whatever the shell says
os.environ["SOURCE_DATE_EPOCH"] = "0"  # no dates inside files

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pgstudy.analysis.names import ENDINGS
from pgstudy.analysis.tabular import csv_writer
from pgstudy.experiment.runs import write_atomically
from pgstudy.experiment.study import Cell, Study, step_size_text

DPI = 200
COLUMNS = 3  # panels in a row
MARKERS = "osD^vPX*"
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
Colour = tuple[float, float, float]


def use() -> None:
    """Set the style for all figures that follow."""
    sns.set_theme(style="ticks", rc=STYLE)


def save(figure: Figure, path: Path, data: pd.DataFrame | None = None) -> None:
    """Write the figure beside `path`, one file per ending, and close it.

    `data`, what it shows, is written as CSV beside it.
    """
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
    """One colour per N, light to dark, the same in every figure of the study.

    Where a study compares step sizes at a single N, they have the colours.
    """

    by_step_size: bool
    colours: Mapping[float, Colour]

    def of(self, cell: Cell) -> Colour:
        """The colour of a cell."""
        return self.colours[cell.alpha if self.by_step_size else cell.n]

    @property
    def title(self) -> str:
        """What the colours stand for."""
        return "step size" if self.by_step_size else "N, trajectories per update"

    def handles(self) -> list[Line2D]:
        """A legend's entry for each colour."""
        text = step_size_text if self.by_step_size else str
        return [
            Line2D([], [], color=colour, lw=2, label=text(key))
            for key, colour in self.colours.items()
        ]


def looks(study: Study) -> Looks:
    """How the cells of a study are drawn."""
    by_step_size = study.sweeps_step_sizes and len(study.sample_counts) == 1
    keys: Sequence[float] = study.step_sizes if by_step_size else study.sample_counts
    palette = sns.color_palette("plasma_r", len(keys) + 1)[1:]  # no pale yellow
    return Looks(by_step_size, dict(zip(keys, palette, strict=True)))


def marker(index: int) -> str:
    """The marker of an estimator, by its place in the study."""
    return MARKERS[index % len(MARKERS)]


def estimator_colour(study: Study, index: int) -> Colour:
    """The colour of an estimator where colours do not stand for N."""
    palette: list[Colour] = sns.color_palette("colorblind", len(study.estimators))
    return palette[index]


def marker_handles(study: Study) -> list[Line2D]:
    """A legend's entry for each estimator's marker."""
    return [
        Line2D([], [], color="0.3", ls="", marker=marker(i), ms=5, label=name)
        for i, name in enumerate(study.estimators)
    ]
