"""Figures of returns, drawn from the tables; intervals are computed there, not here."""

from __future__ import annotations

import math
from typing import Any

from pgstudy.analysis import style  # before pyplot: it sets the backend

import matplotlib.pyplot as plt  # isort: skip
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgstudy.analysis.names import FEW_RUNS
from pgstudy.analysis.style import COLUMNS
from pgstudy.analysis.tables import Tables, at_best_step_sizes, rows_of, seed_curves
from pgstudy.experiment.study import Cell, Study, step_size_text

PANEL = 3.2, 2.5  # inches, width and height of one panel
UNITS = {"env_steps": "environment steps", "episodes": "episodes"}
Drawn = tuple[Figure, pd.DataFrame]


def panels(count: int, square: bool = False) -> tuple[Figure, list[Axes]]:
    """That many panels, in rows of at most COLUMNS."""
    columns, rows = min(count, COLUMNS), math.ceil(count / COLUMNS)
    height = PANEL[0] * 1.25 if square else PANEL[1]
    width = PANEL[0] * (1.25 if square else 1)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width * max(columns, 1.4), height * rows + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for unused in axes.flat[count:]:
        unused.set_axis_off()
    return figure, list(axes.flat[:count])


def learning_curves(study: Study, tables: Tables, environment: str) -> Drawn:
    """Return against steps or episodes: a panel per estimator, a line per N.

    In a study of step sizes at one N, a line per step size. The seeds are faint.
    """
    figure, axes_list = panels(len(study.estimators))
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        axes.set(title=estimator, xlabel=UNITS[study.unit(environment)])
        axes.xaxis.set_major_formatter(_thousands)
        for cell in _shown(study, tables, environment, estimator):
            curve = rows_of(tables.curves, cell)
            if curve.empty:
                continue
            colour = style.looks(study).of(cell)
            at, seeds = seed_curves(tables, cell)
            axes.plot(at, seeds.T, color=colour, lw=0.4, alpha=0.15)
            mean_and_band(axes, curve, "at", colour)
    share_y(axes_list, "return of the training batches")
    finish(figure, study, f"{environment} (mean of {_count(tables, environment)})")
    curves = tables.curves
    return figure, curves[curves["environment"] == environment]


def mean_and_band(
    axes: Axes, curve: pd.DataFrame, x: str, colour: style.Colour
) -> None:
    """A curve of the tables against its column x; a band where the seeds are enough."""
    axes.plot(curve[x], curve["mean"], color=colour, lw=1.2)
    band = curve[curve["runs"] >= FEW_RUNS]
    axes.fill_between(band[x], band["low"], band["high"], color=colour, alpha=0.2, lw=0)


def _shown(
    study: Study, tables: Tables, environment: str, estimator: str
) -> list[Cell]:
    """The cells to draw against N: of several step sizes at one N the best one.

    At a single N all step sizes.
    """
    if style.looks(study).by_step_size:
        return study.cells_of(environment, estimator)
    return at_best_step_sizes(study, tables).cells_of(environment, estimator)


def share_y(axes_list: list[Axes], label: str) -> None:
    """One scale for all panels, its numbers and label at the left."""
    for axes in axes_list:
        axes.sharey(axes_list[0])
        axes.tick_params(labelleft=False)
    for axes in axes_list[::COLUMNS]:
        axes.tick_params(labelleft=True)
        axes.set_ylabel(label)


def _thousands(value: float, _position: object) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _count(tables: Tables, environment: str) -> str:
    summary = tables.summary
    runs = summary.loc[summary["environment"] == environment, "finished"]
    low, high = runs.min(), runs.max()
    seeds = f"{high}" if low == high else f"{low} to {high}"
    interval = ", 95 % t interval" if high >= FEW_RUNS else ", no interval"
    return f"{seeds} seeds{interval}"


def step_sizes(study: Study, tables: Tables, environment: str) -> Drawn:
    """Final return against the step size: a panel per estimator, a line per N."""
    figure, axes_list = panels(len(study.estimators))
    looks = style.looks(study)
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        axes.set(title=estimator, xlabel="step size", xscale="log")
        cells = study.cells_of(environment, estimator)
        for n in study.sample_counts:
            series = [cell for cell in cells if cell.n == n]
            rows = [rows_of(tables.summary, cell) for cell in series]
            if not rows:
                continue
            table = pd.concat(rows).sort_values("learning_rate")
            colour = "0.3" if looks.by_step_size else looks.colours[n]
            axes.errorbar(
                table["learning_rate"], table["final_return"], yerr=errors(table),
                marker="o", ms=4, capsize=2, lw=1, color=colour,
            )  # fmt: skip
        sizes = sorted({cell.alpha for cell in cells})
        axes.set_xticks(sizes, [step_size_text(alpha) for alpha in sizes], minor=False)
        axes.minorticks_off()
    share_y(axes_list, "return, last tenth of training")
    title = f"{environment} (mean of {_count(tables, environment)})"
    finish(figure, study, title, legend=not looks.by_step_size)
    summary = tables.summary
    return figure, summary[summary["environment"] == environment]


def final_returns(study: Study, tables: Tables) -> Drawn:
    """Final return against N: every seed, the mean and its interval."""
    figure, axes_list = panels(len(study.environments))
    for axes, environment in zip(axes_list, study.environments, strict=True):
        axes.set(title=environment)
        final_returns_panel(axes, study, tables, environment)
    for axes in axes_list[::COLUMNS]:
        axes.set_ylabel("return, last tenth of training")
    handles, labels = axes_list[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    sns.despine(figure)
    return figure, tables.runs


def final_returns_panel(
    axes: Axes, study: Study, tables: Tables, environment: str
) -> None:
    """One environment's final returns, a marker per estimator.

    Of several step sizes at one N the best one is shown.
    """
    axes.set(xlabel="N, trajectories per update")
    axes.set_xticks(range(len(study.sample_counts)), map(str, study.sample_counts))
    axes.set_xlim(-0.6, len(study.sample_counts) - 0.4)
    width = 0.6 / len(study.estimators)
    best = at_best_step_sizes(study, tables)
    for index, estimator in enumerate(study.estimators):
        shift = (index - (len(study.estimators) - 1) / 2) * width
        place = {n: i + shift for i, n in enumerate(study.sample_counts)}
        shown = best.cells_of(environment, estimator)
        summary = pd.concat([rows_of(tables.summary, cell) for cell in shown])
        runs = pd.concat([rows_of(tables.runs, cell) for cell in shown])
        look: Any = {"color": style.estimator_colour(study, index), "ls": ""}
        axes.plot(
            runs["n"].map(place), runs["final_return"],
            marker=".", ms=3, alpha=0.35, **look,
        )  # fmt: skip
        axes.errorbar(
            summary["n"].map(place), summary["final_return"], yerr=errors(summary),
            marker=style.marker(index), ms=4.5, capsize=2, lw=1,
            label=estimator, **look,
        )  # fmt: skip


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
    figure.suptitle(title, fontsize=9)
    if legend:
        handles = looks.handles() + (style.marker_handles(study) if markers else [])
        figure.legend(
            handles=handles, title=looks.title, loc="outside lower center",
            ncols=8, frameon=False,
        )  # fmt: skip
    sns.despine(figure)
