"""Figures of cells beside cells: equal updates, time, profiles, pairs."""

from __future__ import annotations

from pgstudy.analysis import style  # before pyplot: it sets the backend

import numpy as np  # isort: skip
import pandas as pd
import seaborn as sns

from pgstudy.analysis.aggregates import Aggregates
from pgstudy.analysis.figures import (
    Drawn,
    errors,
    finish,
    mean_and_band,
    panels,
    share_y,
)
from pgstudy.analysis.statistics import Array
from pgstudy.analysis.tables import Tables, at_best_step_sizes, rows_of
from pgstudy.experiment.study import Cell, Study

LARGEST = 12  # cells of a matrix that can still be read


def equal_updates(study: Study, tables: Tables, environment: str) -> Drawn:
    """Return against the number of updates: the picture that flatters a large N."""
    figure, axes_list = panels(len(study.estimators))
    best = at_best_step_sizes(study, tables)
    rows = []
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        axes.set(title=estimator, xlabel="updates")
        for cell in best.cells_of(environment, estimator):
            curve = rows_of(tables.updates, cell)
            mean_and_band(axes, curve, "update", style.looks(study).of(cell))
            rows.append(curve)
    share_y(axes_list, "return of the training batches")
    title = f"{environment}, equal updates: N times the trajectories, so it flatters"
    finish(figure, study, f"{title} a large N")
    return figure, pd.concat(rows)


def wall_clock(study: Study, tables: Tables) -> Drawn:
    """Final return against the training time of a run."""
    figure, axes_list = panels(len(study.environments))
    best, rows = at_best_step_sizes(study, tables), []
    for axes, environment in zip(axes_list, study.environments, strict=True):
        axes.set(title=environment, xlabel="seconds of training per run")
        for cell in best.cells_of(environment):
            row = rows_of(tables.summary, cell)
            index = study.estimators.index(cell.estimator)
            axes.errorbar(
                row["mean_seconds"], row["final_return"], yerr=errors(row), capsize=2,
                color=style.looks(study).of(cell), lw=1, ls="", ms=5,
                marker=style.marker(index),
            )  # fmt: skip
            rows.append(row)
    for axes in axes_list[:: style.COLUMNS]:
        axes.set_ylabel("return, last tenth of training")
    finish(figure, study, "Time a run took, and where it ended", markers=True)
    return figure, pd.concat(rows)


def profiles(study: Study, aggregates: Aggregates) -> Drawn:
    """Share of runs above each score, over all environments with a threshold."""
    figure, axes_list = panels(len(study.estimators))
    colours = style.looks(study).colours
    table = aggregates.profiles
    for axes, estimator in zip(axes_list, study.estimators, strict=True):
        axes.set(title=estimator, xlabel="score", ylim=(-0.02, 1.02))
        rows = table[table["estimator"] == estimator]
        for n, curve in rows.groupby("n"):
            colour = (
                "0.3" if style.looks(study).by_step_size else colours[float(str(n))]
            )
            axes.plot(curve["score"], curve["share"], color=colour, lw=1.2)
            axes.fill_between(
                curve["score"], curve["low"], curve["high"], color=colour, alpha=0.15,
                lw=0,
            )  # fmt: skip
        axes.axvline(1, color="0.6", lw=0.7, ls="--")
    share_y(axes_list, "share of runs above the score")
    title = "Performance profiles (score 0: untrained, 1: threshold)"
    finish(figure, study, title, legend=not style.looks(study).by_step_size)
    return figure, table


def improvement(study: Study, tables: Tables, aggregates: Aggregates) -> Drawn:
    """P(the row's cell ends above the column's): a matrix per environment."""
    best = at_best_step_sizes(study, tables)
    figure, axes_list = panels(len(study.environments), square=True)
    for axes, environment in zip(axes_list, study.environments, strict=True):
        here = best.cells_of(environment)[:LARGEST]
        pairs = aggregates.pairs[aggregates.pairs["environment"] == environment]
        labels = [f"{c.estimator}, {c.n}" for c in here]
        values = _matrix(here, pairs)
        axes.imshow(values, vmin=0, vmax=1, cmap="PuOr")
        for (row, column), value in np.ndenumerate(values):
            dark = abs(value - 0.5) > 0.3
            text = "" if np.isnan(value) else f"{value:.2f}"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=6,
                color="white" if dark else "black",
            )  # fmt: skip
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_title(environment)
        axes.tick_params(length=0)
        sns.despine(ax=axes, left=True, bottom=True)
    figure.suptitle(
        "Probability that the row's run ends above the column's", fontsize=9
    )
    return figure, aggregates.pairs


def _matrix(cells: list[Cell], pairs: pd.DataFrame) -> Array:
    place = {(cell.estimator, cell.n): i for i, cell in enumerate(cells)}
    values = np.full((len(cells), len(cells)), np.nan)
    for pair in pairs.to_dict("records"):
        one = place.get((pair["one_estimator"], pair["one_n"]))
        two = place.get((pair["two_estimator"], pair["two_n"]))
        if one is not None and two is not None:
            values[two, one] = pair["improvement"]
            values[one, two] = 1 - pair["improvement"]
    return values
