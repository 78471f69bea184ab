"""What the panels of several figures share: curves, error bars, title and legend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgstudy.analysis.common.names import FEW_RUNS
from pgstudy.analysis.figures import layout, style
from pgstudy.experiment.study.study import Study

FINAL = "return, last tenth of training"
Drawn = tuple[Figure, pd.DataFrame]  # and the data that it shows


def mean_and_band(
    axes: Axes, curve: pd.DataFrame, x: str, colour: style.Colour
) -> None:
    """A curve of the tables against its column x; a band where the seeds are enough."""
    axes.plot(curve[x], curve["mean"], color=colour, lw=1.2)
    band = curve[curve["runs"] >= FEW_RUNS]
    axes.fill_between(band[x], band["low"], band["high"], color=colour, alpha=0.2, lw=0)


def errors(summary: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Lengths of the error bars, [2, cells]; none where there are few seeds."""
    mean = summary["final_return"].to_numpy(float)
    low = mean - summary["final_low"].to_numpy(float)
    high = summary["final_high"].to_numpy(float) - mean
    lengths = np.maximum([low, high], 0)
    lengths[:, summary["finished"] < FEW_RUNS] = np.nan
    return lengths


def finish(
    figure: Figure, study: Study, title: str, legend: bool = True, markers: bool = False
) -> None:
    """Title above, one legend of the colours (and markers) below, no frame."""
    looks = style.looks(study)
    layout.title(figure, title)
    if legend and markers:
        shapes = style.estimator_handles(study, color="0.3", ls="")
        heading = f"colour: {looks.title}; marker: estimator"
        layout.legend(figure, [*looks.handles(), *shapes], heading)
    elif legend:
        layout.legend(figure, looks.handles(), looks.title)
    sns.despine(figure)
