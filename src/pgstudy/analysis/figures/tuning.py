"""Returns against learning rates, and the learning rate that each N prefers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import FINAL, Drawn, errors, finish
from pgstudy.analysis.tables.build import Tables, rows_of
from pgstudy.analysis.tables.tuning import sensitivity
from pgstudy.experiment.study.cell import Cell, learning_rate_text
from pgstudy.experiment.study.study import Study

CROWDED = 5  # learning rates in a row; the texts of more of them are turned
VALUES = ("mean learning curve", "mean updates to the threshold")
GREY: Any = {"color": "0.5", "lw": 0.9}
LINEAR = GREY | {"ls": "--", "label": "linear in N"}
ROOT = GREY | {"ls": ":", "label": "root of N"}
RING: Any = {"marker": "o", "ms": 8, "mfc": "none", "ls": ""}
CHOSEN: Any = {"marker": "o", "ms": 4, "ls": "", "color": "0.1", "label": "chosen"}


def draw(study: Study, tuning: Tables | None, environment: str) -> Drawn:
    """A panel per estimator: sensitivity above, the chosen learning rates below."""
    assert tuning is not None  # the name is only asked for where there is a tuning
    found = sensitivity(study, tuning)
    here = found[found["environment"] == environment]
    names = [n for n in study.estimators if (here["estimator"] == n).any()]
    figure, (above, below) = layout.panels(len(names), stacked=2)
    for one, two, estimator in zip(above, below, names, strict=True):
        rows = here[here["estimator"] == estimator]
        layout.panel_title(one, estimator)
        _sensitivity(one, study, rows)
        _chosen(two, study, rows)
    layout.share_x(above)
    layout.share_x(below)
    if study.tradeoff:
        for axes in above:
            axes.set_yscale("log")
    layout.share_y(above, VALUES[study.tradeoff is not None] + ", tuning seeds")
    layout.share_y(below, "chosen learning rate")
    looks = style.looks(study)
    layout.title(figure, f"{environment}: learning rates")
    rules = [Line2D([], [], **look) for look in (LINEAR, ROOT, CHOSEN)]
    layout.legend(figure, [*looks.handles(), *rules], looks.title)
    sns.despine(figure)
    return figure, here


def _sensitivity(axes: Axes, study: Study, rows: pd.DataFrame) -> None:
    axes.set(xlabel="learning rate", xscale="log")
    colours = style.looks(study).colours
    for n, curve in rows.groupby("n"):
        colour, curve = colours[int(str(n))], curve.sort_values("learning_rate")
        at = curve["learning_rate"], curve["value"]
        axes.plot(*at, color=colour, lw=1.2, marker=".", ms=4)
        top = curve[curve["chosen"]]
        axes.plot(top["learning_rate"], top["value"], color=colour, **RING)


def _chosen(axes: Axes, study: Study, rows: pd.DataFrame) -> None:
    chosen = rows[rows["chosen"]].sort_values("n")
    n, alpha = (chosen[k].to_numpy(float) for k in ("n", "learning_rate"))
    axes.set(xlabel="N, trajectories per update", xscale="log", yscale="log")
    axes.plot(n, alpha[0] * n / n[0], **LINEAR)
    axes.plot(n, alpha[0] * np.sqrt(n / n[0]), **ROOT)
    axes.plot(n, alpha, **CHOSEN)
    axes.set_xticks(study.sample_counts, map(str, study.sample_counts))
    axes.minorticks_off()


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
    title = f"{environment} (mean of {layout.seeds(tables, environment)})"
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
