"""Figures of returns, drawn from the tables; intervals are computed there, not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from pgstudy.analysis.common.names import UNITS
from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import FINAL, Drawn, errors, finish, mean_and_band
from pgstudy.analysis.tables.build import (
    Tables,
    at_best_learning_rates,
    rows_of,
    seed_curves,
)
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Study

MEANS = {"final_return": "mean", "final_low": "low", "final_high": "high"}
CELL = ["environment", "estimator", "n", "learning_rate"]
SLOT = 0.11  # inches for an estimator at one N, in a figure of final returns


def learning_curves(
    study: Study,
    tables: Tables,
    environment: str,
    size: tuple[float, float] = layout.PANEL,
) -> Drawn:
    """Return against steps or episodes: a panel per estimator, a line per N.

    In a study of learning rates at one N, a line per rate. The seeds are faint.
    """
    figure, (axes_list,) = layout.panels(len(study.estimators), size)
    looks, drawn = style.looks(study), []
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        layout.panel_title(axes, estimator)
        axes.set_xlabel(UNITS[study.unit(environment)])
        axes.xaxis.set_major_formatter(_thousands)
        for cell in _shown(study, tables, environment, estimator):
            curve = rows_of(tables.curves, cell)
            if curve.empty:
                continue
            drawn += [curve, _with_seeds(axes, tables, cell, curve, looks.of(cell))]
        layout.threshold(axes, study, environment)
    layout.share_y(axes_list, "return of the training batches")
    layout.robust_y(axes_list, drawn[::2])
    finish(
        figure, study, f"{environment} (mean of {layout.seeds(tables, environment)})"
    )
    return figure, pd.concat(drawn) if drawn else tables.curves.head(0)


def _with_seeds(
    axes: Axes, tables: Tables, cell: Cell, curve: pd.DataFrame, colour: style.Colour
) -> pd.DataFrame:
    """A mean with its band over its faint seeds, whose rows are returned."""
    at, seeds = seed_curves(tables, cell)
    axes.plot(at, seeds.T, color=colour, lw=0.4, alpha=0.15)
    mean_and_band(axes, curve, "at", colour)
    mine = curve[[*CELL, "unit"]].iloc[0].to_dict()
    rows = [
        pd.DataFrame({**mine, "at": at, "seed": seed, "return": values})
        for seed, values in zip(rows_of(tables.runs, cell)["seed"], seeds, strict=True)
    ]
    return pd.concat(rows).dropna(subset=["return"])


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
    means = tables.summary[[*CELL, *MEANS]].rename(columns=MEANS)
    return tables.runs.merge(means, on=CELL, how="left")


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
    layout.threshold(axes, study, environment)
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
