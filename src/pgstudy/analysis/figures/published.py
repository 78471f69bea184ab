"""Figures for a paper: vector PDFs at column width.

A published figure is drawn in the style of its source; a study's own figures show the
final return against N, or the trade-off that N makes, one environment each.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgstudy.analysis.common.names import FEW_RUNS, paper_figure_names
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.figures import layout, style, tradeoff
from pgstudy.analysis.figures.layout import FINAL
from pgstudy.analysis.figures.returns import final_returns_panel, learning_curves
from pgstudy.analysis.gradients import exact
from pgstudy.analysis.tables.build import Tables, rows_of
from pgstudy.experiment.study.cell import Cell, learning_rate_text
from pgstudy.experiment.study.published import Published, PublishedFigure
from pgstudy.experiment.study.study import Study

PANEL = 2.2, 1.8  # inches, of a panel of learning curves
COLUMN = 3.35, 2.2  # inches, width and height without a legend above


def draw(
    study: Study, tables: Tables, tradeoffs: Tradeoffs | None, folder: Path
) -> None:
    """Draw every figure of `paper_figure_names(study)` into the folder."""
    style.use()
    for published in study.published:
        if published.figure is not None:
            figure = _published(published, published.figure, tables)
            style.save(figure, folder / published.slug)
    if all(published.figure is None for published in study.published):
        every = zip(paper_figure_names(study), itertools.cycle(study.environments))
        for name, environment in every:
            if tradeoffs is not None:
                figure = _tradeoff(study, tradeoffs, environment)
            elif name.startswith("learning_curves"):
                figure, _ = learning_curves(study, tables, environment, PANEL)
            else:
                figure = _own(study, tables, environment)
            style.save(figure, folder / name)


def _column() -> tuple[Figure, Axes]:
    return plt.subplots(figsize=COLUMN, layout="constrained")


def _own(study: Study, tables: Tables, environment: str) -> Figure:
    figure, axes = _column()
    final_returns_panel(axes, study, tables, environment)
    axes.set(ylabel=FINAL)
    layout.legend(figure, style.estimator_handles(study, ls=""), place=layout.ABOVE)
    sns.despine(figure)
    return figure


def _tradeoff(study: Study, found: Tradeoffs, environment: str) -> Figure:
    figure, axes = _column()
    tradeoff.panel(axes, study, found, environment)
    layout.legend(figure, tradeoff.handles(study, found), place=layout.ABOVE)
    sns.despine(figure)
    return figure


def _published(published: Published, how: PublishedFigure, tables: Tables) -> Figure:
    figure, axes = _column()
    if published.exact is not None:
        _exact_curve(axes, published)
    else:
        _episodes(axes, how.cells, tables)
    axes.set_ylim(*how.y)
    if how.line is not None:
        axes.axhline(how.line["value"], color="0.4", ls="--", lw=0.8)
        axes.annotate(
            how.line["label"],
            (1, how.line["value"]),
            (3, 0),
            va="center",
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=7,
            parse_math=False,
        )
    sns.despine(figure)
    return figure


def _episodes(axes: Axes, cells: tuple[Cell, ...], tables: Tables) -> None:
    """The mean over runs of each episode's return, the interval behind it."""
    summary = pd.concat([rows_of(tables.summary, cell) for cell in cells])
    palette = sns.color_palette("colorblind", len(cells))
    for cell, colour in zip(cells, palette, strict=True):
        curve = rows_of(tables.curves, cell)
        band = curve[curve["runs"] >= FEW_RUNS]
        axes.fill_between(
            band["at"], band["low"], band["high"], color=colour, alpha=0.25, lw=0
        )
        axes.plot(
            curve["at"], curve["mean"], color=colour, lw=0.8, label=_label(cell, cells)
        )
    low, high = summary["finished"].min(), summary["finished"].max()
    runs = f"{low}" if low == high else f"{low} to {high}"
    axes.set(xlabel="episode", ylabel=f"return, mean of {runs} runs")
    axes.set_xlim(0, cells[0].specification.budget.amount)
    axes.legend(loc="lower right", frameon=False)


def _label(cell: Cell, cells: tuple[Cell, ...]) -> str:
    """What tells a cell from the others of its figure, the learning rate always."""
    base, _, exponent = learning_rate_text(cell.learning_rate).partition("^")
    step = f"${base}^{{{exponent}}}$" if exponent else base
    parts = [rf"$\alpha$ = {step}"]
    if len({c.n for c in cells}) > 1:
        parts.insert(0, f"N = {cell.n}")
    if len({c.estimator for c in cells}) > 1:
        parts.insert(0, cell.estimator)
    if len({c.environment for c in cells}) > 1:
        parts.insert(0, cell.environment)
    return ", ".join(parts)


def _exact_curve(axes: Axes, published: Published) -> None:
    """J(p), its maximum, and the values that the source gives a bound for."""
    assert published.exact is not None
    known, action = exact.model(published.exact.environment), published.exact.action
    grid = np.linspace(0.005, 0.995, 199)
    axes.plot(grid, [exact.return_at(known, action, p) for p in grid], color="k", lw=1)
    best, value = exact.best(known, action)
    points = {best: value}
    for check in published.checks:
        if check.measure == "exact_return" and check.below is not None:
            points[check.argument] = exact.return_at(known, action, check.argument)
    for p, j in points.items():
        inward, side = ((8, 0), "left") if p < 0.5 else ((-8, 0), "right")
        if p == best:
            inward, side = (0, -12), "center"
        axes.plot([p], [j], marker="o", ms=4, color="C3", ls="")
        axes.annotate(
            f"J({p:.3g}) = {j:.1f}",
            (p, j),
            inward,
            textcoords="offset points",
            fontsize=7,
            va="center",
            ha=side,
        )
    axes.set(xlabel=f"probability of action {action}, p", ylabel="J(p), exact")
    axes.set_xlim(0, 1)
