"""The study's figures, drawn from its tables; intervals are computed there, not here.

PDF (TrueType fonts, for a paper) and PNG (for the report), byte-stable.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"  # a server has no screen, whatever the shell says
os.environ["SOURCE_DATE_EPOCH"] = "0"  # no dates inside files

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pgstudy.analysis.names import FEW_RUNS, figure_names
from pgstudy.analysis.tables import Tables
from pgstudy.experiment.runs import write_atomically
from pgstudy.experiment.study import Study

COLUMNS = 3  # panels in a row
PANEL = 3.2, 2.5  # inches, width and height of one panel
DPI = 200
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
MARKERS = "osD^vPX*"
Colours = dict[int, tuple[float, float, float]]


def draw(study: Study, tables: Tables, folder: Path) -> None:
    """Draw every figure of `figure_names(study)` into the folder, as PDF and PNG."""
    sns.set_theme(style="ticks", rc=STYLE)
    for name, environment in zip(figure_names(study), study.environments, strict=False):
        _save(_learning_curves(study, tables, environment), folder / name)
    _save(_final_returns(study, tables), folder / "final_return")


def colours(study: Study) -> Colours:
    """One colour per N, light to dark, the same in every figure of the study."""
    counts = study.sample_counts
    palette = sns.color_palette("plasma_r", len(counts) + 1)[1:]  # no pale yellow
    return dict(zip(counts, palette, strict=True))


def _save(figure: Figure, path: Path) -> None:
    for ending in ("pdf", "png"):
        write_atomically(
            path.with_name(f"{path.name}.{ending}"),
            lambda p, e=ending: figure.savefig(p, format=e, dpi=DPI),  # type: ignore[misc]
        )
    plt.close(figure)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """That many panels, in rows of at most COLUMNS."""
    columns, rows = min(count, COLUMNS), math.ceil(count / COLUMNS)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(PANEL[0] * max(columns, 1.4), PANEL[1] * rows + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for unused in axes.flat[count:]:
        unused.set_axis_off()
    return figure, list(axes.flat[:count])


def _learning_curves(study: Study, tables: Tables, environment: str) -> Figure:
    """Return against environment steps, a panel per estimator, a colour per N."""
    figure, panels = _panels(len(study.estimators))
    for axes, estimator in zip(panels, study.estimators, strict=True):
        axes.sharey(panels[0])
        axes.set(title=estimator, xlabel="environment steps")
        axes.xaxis.set_major_formatter(_thousands)
        curves = _of(tables.curves, environment, estimator)
        for n, colour in colours(study).items():
            curve = curves[curves["n"] == n]
            if curve.empty:
                continue
            band = curve[curve["runs"] >= FEW_RUNS]
            steps, low, high = band["env_steps"], band["low"], band["high"]
            axes.plot(curve["env_steps"], curve["mean"], color=colour, lw=1.2)
            axes.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
        axes.tick_params(labelleft=False)
    for axes in panels[::COLUMNS]:
        axes.tick_params(labelleft=True)
        axes.set_ylabel("return of the training batches")
    _finish(figure, study, f"{environment} (mean of {_count(tables, environment)})")
    return figure


def _of(table: pd.DataFrame, environment: str, estimator: str) -> pd.DataFrame:
    chosen = (table["environment"] == environment) & (table["estimator"] == estimator)
    return table[chosen]


def _thousands(value: float, _position: object) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _count(tables: Tables, environment: str) -> str:
    summary = tables.summary
    runs = summary.loc[summary["environment"] == environment, "finished"]
    low, high = runs.min(), runs.max()
    seeds = f"{high}" if low == high else f"{low} to {high}"
    interval = ", 95 % bootstrap interval" if high >= FEW_RUNS else ", no interval"
    return f"{seeds} seeds{interval}"


def _final_returns(study: Study, tables: Tables) -> Figure:
    """Final return against N: every seed, the mean and its interval."""
    figure, panels = _panels(len(study.environments))
    palette = sns.color_palette("colorblind", len(study.estimators))
    width = 0.6 / len(study.estimators)
    for axes, environment in zip(panels, study.environments, strict=True):
        axes.set(title=environment, xlabel="N, trajectories per update")
        axes.set_xticks(range(len(study.sample_counts)), map(str, study.sample_counts))
        axes.set_xlim(-0.6, len(study.sample_counts) - 0.4)
        for index, estimator in enumerate(study.estimators):
            shift = (index - (len(study.estimators) - 1) / 2) * width
            place = {n: i + shift for i, n in enumerate(study.sample_counts)}
            runs = _of(tables.runs, environment, estimator)
            summary = _of(tables.summary, environment, estimator)
            look = {"color": palette[index], "ls": ""}
            axes.plot(
                runs["n"].map(place), runs["final_return"],
                marker=".", ms=3, alpha=0.35, **look,
            )  # fmt: skip
            axes.errorbar(
                summary["n"].map(place), summary["final_return"], yerr=_errors(summary),
                marker=MARKERS[index % len(MARKERS)], ms=4.5, capsize=2, lw=1,
                label=estimator, **look,
            )  # fmt: skip
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("return, last tenth of training")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    sns.despine(figure)
    return figure


def _errors(summary: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Lengths of the error bars, [2, cells]; none where there are few seeds."""
    mean = summary["final_return"].to_numpy(float)
    low = mean - summary["final_low"].to_numpy(float)
    high = summary["final_high"].to_numpy(float) - mean
    errors = np.maximum([low, high], 0)
    errors[:, summary["finished"] < FEW_RUNS] = np.nan
    return errors


def _finish(figure: Figure, study: Study, title: str) -> None:
    """Title above, one legend of the N below, no frame."""
    lines = [
        Line2D([], [], color=colour, lw=2, label=str(n))
        for n, colour in colours(study).items()
    ]
    figure.suptitle(title, fontsize=9)
    figure.legend(
        handles=lines, title="N, trajectories per update", loc="outside lower center",
        ncols=8, frameon=False,
    )  # fmt: skip
    sns.despine(figure)
