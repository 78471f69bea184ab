"""Figures of cells beside cells: equal updates, time, profiles, pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from pgstudy.analysis.common.names import LARGEST_MATRIX
from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import FINAL, Drawn, errors, finish, mean_and_band
from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables, at_best_learning_rates, rows_of
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Study

SQUARE = 0.36  # inches, a cell of a matrix
LETTER = 0.06  # inches, of its labels


def equal_updates(study: Study, tables: Tables, environment: str) -> Drawn:
    """Return against the number of updates: the picture that flatters a large N."""
    figure, (axes_list,) = layout.panels(len(study.estimators))
    best = at_best_learning_rates(study, tables)
    rows = []
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        layout.panel_title(axes, estimator)
        axes.set_xlabel("updates")
        for cell in best.cells_of(environment, estimator):
            curve = rows_of(tables.updates, cell)
            mean_and_band(axes, curve, "update", style.looks(study).of(cell))
            rows.append(curve)
        layout.threshold(axes, study, environment)
    layout.share_y(axes_list, "return of the training batches")
    layout.robust_y(axes_list, rows)
    title = f"{environment}, equal updates: N times the trajectories, so it flatters"
    finish(figure, study, f"{title} a large N")
    return figure, pd.concat(rows)


def wall_clock(study: Study, tables: Tables) -> Drawn:
    """Final return against the training time of a run."""
    figure, (axes_list,) = layout.panels(len(study.environments))
    best, rows = at_best_learning_rates(study, tables), []
    for axes, environment in zip(axes_list, study.environments, strict=True):
        layout.panel_title(axes, environment)
        axes.set_xlabel("seconds of training per run")
        for cell in best.cells_of(environment):
            row = rows_of(tables.summary, cell)
            index = study.estimators.index(cell.estimator)
            axes.errorbar(
                row["mean_seconds"],
                row["final_return"],
                yerr=errors(row),
                capsize=2,
                color=style.looks(study).of(cell),
                lw=1,
                ls="",
                ms=5,
                marker=style.marker(index),
            )
            rows.append(row)
    for axes in layout.leftmost(axes_list):
        axes.set_ylabel(FINAL)
    finish(figure, study, "Time a run took, and where it ended", markers=True)
    return figure, pd.concat(rows)


def profiles(study: Study, aggregates: Aggregates) -> Drawn:
    """Share of runs above each score: a panel per environment and estimator."""
    table = aggregates.profiles
    places = list(table.groupby(["environment", "estimator"], sort=False))
    figure, (axes_list,) = layout.panels(max(1, len(places)))
    for axes, (place, rows) in zip(axes_list, places, strict=False):
        layout.panel_title(axes, ", ".join(map(str, place)))
        axes.set(xlabel="score", ylim=(-0.02, 1.02))
        _profiles(axes, study, rows)
        axes.axvline(1, **style.REFERENCE)
    layout.share_y(axes_list, "share of runs above the score")
    title = "Performance profiles (score 0: untrained, 1: threshold)"
    finish(figure, study, title, colours=not style.looks(study).by_learning_rate)
    return figure, table


def _profiles(axes: Axes, study: Study, rows: pd.DataFrame) -> None:
    """A line for each N, with its interval."""
    looks = style.looks(study)
    for n, curve in rows.groupby("n"):
        colour = "0.3" if looks.by_learning_rate else looks.colours[float(str(n))]
        axes.plot(curve["score"], curve["share"], color=colour, lw=1.2)
        ends = curve["low"], curve["high"]
        axes.fill_between(curve["score"], *ends, color=colour, alpha=0.15, lw=0)


def improvement(study: Study, tables: Tables, aggregates: Aggregates) -> Drawn:
    """P(the row's cell ends above the column's): a matrix per environment.

    Of more than LARGEST_MATRIX cells the first ones; the panel's title says so.
    """
    best = at_best_learning_rates(study, tables)
    cells = [best.cells_of(e) for e in study.environments]
    labels = [
        [f"{c.estimator}, {c.n}" for c in here[:LARGEST_MATRIX]] for here in cells
    ]
    side = max(SQUARE * len(some) for some in labels)
    side += LETTER * max(len(label) for some in labels for label in some)
    size = max(layout.PANEL[0], side)
    figure, (axes_list,) = layout.panels(len(cells), (size, size))
    for axes, environment, here, texts in zip(
        axes_list, study.environments, cells, labels, strict=True
    ):
        pairs = aggregates.pairs[aggregates.pairs["environment"] == environment]
        _draw_matrix(axes, _matrix(here[:LARGEST_MATRIX], pairs), texts)
        left_out = len(here) - len(texts)
        note = f" (the first {len(texts)} cells; {left_out} of {len(here)} left out)"
        layout.panel_title(axes, environment + (note if left_out else ""))
    layout.title(figure, "Probability that the row's run ends above the column's")
    return figure, aggregates.pairs


def _draw_matrix(axes: Axes, values: Array, labels: list[str]) -> None:
    """values: [3, cells, cells], estimates and the ends of their intervals."""
    axes.imshow(values[0], vmin=0, vmax=1, cmap="cividis")  # readable in grey
    for (row, column), value in np.ndenumerate(values[0]):
        if np.isnan(value):
            continue
        low, high = values[1:, row, column]
        texts = (f"{value:.2f}", 0.12, 6), (f"{low:.2f}–{high:.2f}", -0.22, 4)
        for text, above, size in texts:
            place: Any = {"ha": "center", "va": "center", "fontsize": size}
            colour = "black" if value > 0.5 else "white"
            axes.text(column, row - above, text, color=colour, **place)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0)
    sns.despine(ax=axes, left=True, bottom=True)


def _matrix(cells: list[Cell], pairs: pd.DataFrame) -> Array:
    place = {(cell.estimator, cell.n): i for i, cell in enumerate(cells)}
    values = np.full((3, len(cells), len(cells)), np.nan)
    for pair in pairs.to_dict("records"):
        one = place.get((pair["one_estimator"], pair["one_n"]))
        two = place.get((pair["two_estimator"], pair["two_n"]))
        if one is not None and two is not None:
            ends = [pair[f"improvement{end}"] for end in ("", "_low", "_high")]
            values[:, two, one] = ends
            values[:, one, two] = 1 - np.array([ends[0], ends[2], ends[1]])
    return values
