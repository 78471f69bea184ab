"""What figures share: panels in rows, titles and legends that fit, curves and bars."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgstudy.analysis.common.names import FEW_RUNS
from pgstudy.analysis.figures import style
from pgstudy.analysis.tables.build import Tables
from pgstudy.experiment.study.study import Study

PANEL = 3.2, 2.5  # inches, width and height of one panel
WIDTH = 9.7  # inches that a row of panels may take, if it has more than one
NARROWEST = 4.5  # inches, so that a title and a legend have some room
LETTERS = 13  # of a title, that fit into an inch
LINE = 0.17  # inches, height of a title's line
MOST_COLUMNS = 8  # of a legend
BEYOND = 0.05  # share of the points of bands that may lie beyond an end of the range
Place = Literal["outside lower center", "outside upper center"]
BELOW: Place = "outside lower center"
ABOVE: Place = "outside upper center"
FINAL = "return, last tenth of training"
Drawn = tuple[Figure, pd.DataFrame]  # and the data that it shows


def panels(
    count: int, size: tuple[float, float] = PANEL, stacked: int = 1
) -> tuple[Figure, list[list[Axes]]]:
    """That many panels in rows that are no wider than WIDTH.

    Returns a list of axes for each of the `stacked` rows of axes that a panel has.
    """
    columns = max(1, min(count, int(WIDTH // size[0])))
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(
        rows * stacked,
        columns,
        figsize=(max(columns * size[0], NARROWEST), rows * stacked * size[1]),
        squeeze=False,
        layout="constrained",
    )
    layers = [list(axes[layer::stacked].flat) for layer in range(stacked)]
    for layer in layers:
        for unused in layer[count:]:
            unused.set_axis_off()
    return figure, [layer[:count] for layer in layers]


def leftmost(axes_list: Sequence[Axes]) -> list[Axes]:
    """The panels that begin a row."""
    places = [(axes, axes.get_subplotspec()) for axes in axes_list]
    return [axes for axes, place in places if place and place.is_first_col()]


def share_y(axes_list: Sequence[Axes], label: str) -> None:
    """One scale for all panels, its numbers and label at the left."""
    for axes in axes_list:
        axes.sharey(axes_list[0])
        axes.tick_params(labelleft=False)
    axes_list[0].autoscale_view(scalex=False)  # what all of them hold, not the first
    for axes in leftmost(axes_list):
        axes.tick_params(labelleft=True)
        axes.set_ylabel(label)


def share_x(axes_list: Sequence[Axes]) -> None:
    """One scale for all panels."""
    for axes in axes_list:
        axes.sharex(axes_list[0])
    axes_list[0].autoscale_view(scaley=False)


def panel_title(axes: Axes, text: str) -> None:
    """A panel's title, in as many lines as its width asks for."""
    figure = axes.figure
    inches = axes.get_position().width * figure.bbox.width / figure.dpi
    axes.set_title(textwrap.fill(text, max(8, int(inches * LETTERS))))


def title(figure: Figure, text: str) -> None:
    """The figure's title, in as many lines as it takes; the figure grows by them."""
    lines = textwrap.wrap(text, int(figure.get_figwidth() * LETTERS))
    figure.suptitle("\n".join(lines), fontsize=style.TITLE)
    grow(figure, 0, LINE * (len(lines) + 1))


def legend(
    figure: Figure, handles: Sequence[Artist], heading: str = "", place: Place = BELOW
) -> None:
    """A legend below or above all panels, as wide as fits.

    The figure grows by its height, and to its width if one column is wider still.
    """
    if not handles:
        return
    for columns in range(min(len(handles), MOST_COLUMNS), 0, -1):
        made = figure.legend(
            handles=handles,
            title=heading or None,
            loc=place,
            ncols=columns,
            frameon=False,
        )
        box = made.get_window_extent()
        beyond = box.width / figure.dpi - figure.get_figwidth()
        if beyond <= 0 or columns == 1:
            break
        made.remove()
    grow(figure, max(0.0, beyond), box.height / figure.dpi)


def grow(figure: Figure, width: float, height: float) -> None:
    """Make a figure larger; in inches."""
    before = figure.get_size_inches()
    figure.set_size_inches(before[0] + width, before[1] + height)


def mean_and_band(
    axes: Axes, curve: pd.DataFrame, x: str, colour: style.Colour
) -> None:
    """A curve of the tables against its column x; a band where the seeds are enough."""
    axes.plot(curve[x], curve["mean"], color=colour, lw=1.2)
    band = curve[curve["runs"] >= FEW_RUNS]
    axes.fill_between(band[x], band["low"], band["high"], color=colour, alpha=0.2, lw=0)


def threshold(axes: Axes, study: Study, environment: str) -> None:
    """A line at an environment's threshold, if it has one."""
    values = {cell.threshold for cell in study.cells_of(environment)}
    for value in values:
        if value is not None:
            axes.axhline(value, zorder=0, **style.REFERENCE)


def robust_y(axes_list: Sequence[Axes], curves: Sequence[pd.DataFrame]) -> None:
    """A range that one early seed, or a band of a few, does not set.

    It holds all means and most of the bands; what is beyond is cut off.
    """
    known = [curve for curve in curves if len(curve)]
    if not known:
        return
    table = pd.concat(known)
    low = min(table["mean"].min(), table["low"].quantile(BEYOND))
    high = max(table["mean"].max(), table["high"].quantile(1 - BEYOND))
    room = 0.04 * (high - low) or 1.0
    axes_list[0].set_ylim(low - room, high + room)


def seeds(tables: Tables, environment: str) -> str:
    """How many seeds a mean is of, and with what interval."""
    summary = tables.summary
    runs = summary.loc[summary["environment"] == environment, "finished"]
    low, high = runs.min(), runs.max()
    number = f"{high}" if low == high else f"{low} to {high}"
    interval = ", 95 % t interval" if high >= FEW_RUNS else ", no interval"
    return f"{number} seeds{interval}"


def errors(summary: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Lengths of the error bars, [2, cells]; none where there are few seeds."""
    mean = summary["final_return"].to_numpy(float)
    low = mean - summary["final_low"].to_numpy(float)
    high = summary["final_high"].to_numpy(float) - mean
    lengths = np.maximum([low, high], 0)
    lengths[:, summary["finished"] < FEW_RUNS] = np.nan
    return lengths


def finish(
    figure: Figure, study: Study, text: str, colours: bool = True, markers: bool = False
) -> None:
    """Title above, one legend of the colours (and markers) below, no frame."""
    looks = style.looks(study)
    title(figure, text)
    if colours and markers:
        shapes = style.estimator_handles(study, color="0.3", ls="")
        heading = f"colour: {looks.title}; marker: estimator"
        legend(figure, [*looks.handles(), *shapes], heading)
    elif colours:
        legend(figure, looks.handles(), looks.title)
    sns.despine(figure)
