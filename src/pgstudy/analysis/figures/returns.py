"""Figures of returns, drawn from the tables; intervals are computed there, not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from pgstudy.analysis.common.names import FEW_RUNS
from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import FINAL, Drawn, errors, finish, mean_and_band
from pgstudy.analysis.tables.build import (
    Tables,
    at_best_learning_rates,
    rows_of,
    seed_curves,
)
from pgstudy.experiment.study.cell import Cell, learning_rate_text
from pgstudy.experiment.study.study import Study

UNITS = {"env_steps": "environment steps", "episodes": "episodes"}
SLOT = 0.11  # inches for an estimator at one N, in a figure of final returns
CROWDED = 5  # learning rates in a row; the texts of more of them are turned


def learning_curves(study: Study, tables: Tables, environment: str) -> Drawn:
    """Return against steps or episodes: a panel per estimator, a line per N.

    In a study of learning rates at one N, a line per rate. The seeds are faint.
    """
    figure, (axes_list,) = layout.panels(len(study.estimators))
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        layout.panel_title(axes, estimator)
        axes.set_xlabel(UNITS[study.unit(environment)])
        axes.xaxis.set_major_formatter(_thousands)
        for cell in _shown(study, tables, environment, estimator):
            curve = rows_of(tables.curves, cell)
            if curve.empty:
                continue
            colour = style.looks(study).of(cell)
            at, seeds = seed_curves(tables, cell)
            axes.plot(at, seeds.T, color=colour, lw=0.4, alpha=0.15)
            mean_and_band(axes, curve, "at", colour)
    layout.share_y(axes_list, "return of the training batches")
    finish(figure, study, f"{environment} (mean of {_count(tables, environment)})")
    curves = tables.curves
    return figure, curves[curves["environment"] == environment]


def _shown(
    study: Study, tables: Tables, environment: str, estimator: str
) -> list[Cell]:
    """The cells to draw against N: of several learning rates at one N the best one.

    At a single N all learning rates.
    """
    if style.looks(study).by_learning_rate:
        return study.cells_of(environment, estimator)
    return at_best_learning_rates(study, tables).cells_of(environment, estimator)


def _thousands(value: float, _position: object) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _count(tables: Tables, environment: str) -> str:
    summary = tables.summary
    runs = summary.loc[summary["environment"] == environment, "finished"]
    low, high = runs.min(), runs.max()
    seeds = f"{high}" if low == high else f"{low} to {high}"
    interval = ", 95 % t interval" if high >= FEW_RUNS else ", no interval"
    return f"{seeds} seeds{interval}"


def learning_rates(study: Study, tables: Tables, environment: str) -> Drawn:
    """Final return against the learning rate: a panel per estimator, a line per N."""
    figure, (axes_list,) = layout.panels(len(study.estimators))
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        layout.panel_title(axes, estimator)
        axes.set(xlabel="learning rate", xscale="log")
        cells = study.cells_of(environment, estimator)
        for n in study.sample_counts:
            if series := [cell for cell in cells if cell.n == n]:
                _over_rates(axes, study, tables, series)
        rates = sorted({cell.learning_rate for cell in cells})
        axes.set_xticks(
            rates, [learning_rate_text(rate) for rate in rates], minor=False
        )
        axes.tick_params(axis="x", rotation=45 if len(rates) > CROWDED else 0)
        axes.minorticks_off()
    layout.share_y(axes_list, FINAL)
    title = f"{environment} (mean of {_count(tables, environment)})"
    finish(figure, study, title, colours=not style.looks(study).by_learning_rate)
    summary = tables.summary
    return figure, summary[summary["environment"] == environment]


def _over_rates(axes: Axes, study: Study, tables: Tables, cells: list[Cell]) -> None:
    """The line of one N."""
    rows = pd.concat([rows_of(tables.summary, cell) for cell in cells])
    table, looks = rows.sort_values("learning_rate"), style.looks(study)
    axes.errorbar(
        table["learning_rate"],
        table["final_return"],
        yerr=errors(table),
        marker="o",
        ms=4,
        capsize=2,
        lw=1,
        color="0.3" if looks.by_learning_rate else looks.colours[cells[0].n],
    )


def final_returns(study: Study, tables: Tables) -> Drawn:
    """Final return against N: every seed, the mean and its interval."""
    width = SLOT * len(study.sample_counts) * len(study.estimators) + 0.6
    size = max(layout.PANEL[0], width), layout.PANEL[1]
    figure, (axes_list,) = layout.panels(len(study.environments), size)
    for axes, environment in zip(axes_list, study.environments, strict=True):
        layout.panel_title(axes, environment)
        final_returns_panel(axes, study, tables, environment)
    for axes in layout.leftmost(axes_list):
        axes.set_ylabel(FINAL)
    layout.legend(figure, style.estimator_handles(study, ls=""))
    sns.despine(figure)
    return figure, _with_means(tables)


def _with_means(tables: Tables) -> pd.DataFrame:
    """Every run, with the mean of its cell and its interval."""
    names = {"final_return": "mean", "final_low": "low", "final_high": "high"}
    cell = ["environment", "estimator", "n", "learning_rate"]
    means = tables.summary[[*cell, *names]].rename(columns=names)
    return tables.runs.merge(means, on=cell, how="left")


def final_returns_panel(
    axes: Axes, study: Study, tables: Tables, environment: str
) -> None:
    """One environment's final returns, a marker per estimator.

    Of several learning rates at one N the best one is shown.
    """
    axes.set(xlabel="N, trajectories per update")
    counts, estimators = study.sample_counts, study.estimators
    axes.set_xticks(range(len(counts)), map(str, counts))
    axes.set_xlim(-0.6, len(counts) - 0.4)
    step = min(0.2, 0.8 / len(estimators))  # between estimators, N apart is 1
    points = axes.bbox.width / axes.figure.dpi * 72 * step / len(counts)
    best = at_best_learning_rates(study, tables)
    for index, estimator in enumerate(estimators):
        shift = (index - (len(estimators) - 1) / 2) * step
        place = {n: i + shift for i, n in enumerate(counts)}
        if shown := best.cells_of(environment, estimator):
            look = style.estimator_look(index) | {"ls": ""}
            _final_returns(axes, tables, shown, place, points, look)


def _final_returns(
    axes: Axes,
    tables: Tables,
    cells: list[Cell],
    place: Mapping[int, float],
    points: float,
    look: dict[str, Any],
) -> None:
    """Those of one estimator; place: of each N; points: between two estimators."""
    summary = pd.concat([rows_of(tables.summary, cell) for cell in cells])
    runs = pd.concat([rows_of(tables.runs, cell) for cell in cells])
    faint = look | {"marker": ".", "ms": 3, "alpha": 0.35}
    axes.plot(runs["n"].map(place), runs["final_return"], **faint)
    axes.errorbar(
        summary["n"].map(place),
        summary["final_return"],
        yerr=errors(summary),
        ms=min(4.5, points),
        capsize=min(2, points / 2),
        lw=1,
        **look,
    )
