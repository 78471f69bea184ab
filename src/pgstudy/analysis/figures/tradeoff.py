"""Trajectories against updates to the threshold, and the critical N of each estimator.

Both axes are logarithmic, so that a point's interval lies along its N: E = N S.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import Drawn
from pgstudy.analysis.law.fit import Law
from pgstudy.experiment.study.study import Study

SIZE = 5.2, 3.8  # inches
LINE = 0.32  # inches, of a row of critical N
AXES = "updates", "trajectories"
STEPS = 200  # points of a curve
WIDEST = 30  # times the estimates, on each side
NAME: Any = {"xytext": (4, 0), "textcoords": "offset points", "fontsize": 7}
NAME |= {"ha": "left", "va": "center"}
LABEL: Any = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 7}
STAR: Any = {"marker": "*", "ms": 11, "mec": "black", "mew": 0.7, "ls": ""}


def draw(study: Study, found: Tradeoffs | None, environment: str) -> Drawn:
    """One panel for all estimators, since where they lie is the comparison."""
    assert found is not None  # the name is only asked for in a trade-off study
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    points = panel(axes, study, found, environment)
    layout.title(figure, _title(points, environment))
    layout.legend(figure, handles(study, found))
    sns.despine(figure)
    laws = found.laws.drop(columns=["runs", "arrived"])  # of a point, each has its own
    return figure, points.merge(laws, on=["environment", "estimator"], how="left")


def _title(points: pd.DataFrame, environment: str) -> str:
    if points.empty:
        return f"{environment}: too few runs for a law"
    return f"{environment} to a return of {points['threshold'].iloc[0]:g}: what N buys"


def panel(axes: Axes, study: Study, found: Tradeoffs, environment: str) -> pd.DataFrame:
    """Points, fitted laws and predictions of one environment; returns the points."""
    points = found.points[found.points["environment"] == environment]
    laws = found.laws[found.laws["environment"] == environment]
    for index, estimator in enumerate(study.estimators):
        look = style.estimator_look(index)
        here = points[points["estimator"] == estimator]
        for law in laws[laws["estimator"] == estimator].to_dict("records"):
            end = _curve(axes, here, law, look["color"])
            axes.annotate(estimator, end, color=look["color"], **NAME)
        _points(axes, here, look)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("S, updates to the threshold")
    axes.set_ylabel("E, trajectories to the threshold")
    return points


def handles(study: Study, found: Tradeoffs) -> list[Line2D]:
    """The legend's entries; estimators have their names at their curves."""
    named = found.laws["estimator"].unique()
    every = zip(study.estimators, style.estimator_handles(study), strict=True)
    entries = [handle for name, handle in every if name not in named]
    if found.laws["predicted_n"].notna().any():
        look = STAR | {"mfc": "white", "ms": 9}
        entries.append(Line2D([], [], **look, label="predicted critical N"))
    return entries


def _points(axes: Axes, points: pd.DataFrame, look: Mapping[str, Any]) -> None:
    """A point for each N, with its label; hollow where some runs did not arrive.

    Where N adapts, which no law is for, the label is the least N, with a plus.
    """
    there = points[np.isfinite(points["updates"].astype(float))]
    for row in there.to_dict("records"):
        at = row["updates"], row["trajectories"]
        ends = [
            [row[f"{k}_low"], row[f"{k}_high"]] for k in ("updates", "trajectories")
        ]
        axes.plot(*ends, color=look["color"], lw=2.5, alpha=0.4)
        whole = row["arrived"] == row["runs"]
        face = look["color"] if whole else "white"
        axes.plot(*at, **{**look, "ls": "", "ms": 4.5, "mfc": face})
        adapts = "" if np.isfinite(row["law_updates"]) else "+"
        axes.annotate(f"{row['n']:g}{adapts}", at, color=look["color"], **LABEL)


def _curve(
    axes: Axes, points: pd.DataFrame, row: Mapping[Any, Any], colour: style.Colour
) -> tuple[float, float]:
    """The fitted law over the range of N, and the predicted critical N on it.

    Returns where it ends, at the smallest N.
    """
    law = Law(row["s_min"], row["e_min"])
    _, updates, trajectories = law.curve(points["n"].to_numpy(float), STEPS)
    axes.plot(updates, trajectories, color=colour, lw=1)
    if np.isfinite(row["predicted_n"]):
        there = float(law.updates(np.array([row["predicted_n"]]))[0])
        axes.plot(there, row["predicted_n"] * there, **STAR, mfc=colour)
    return float(updates[0]), float(trajectories[0])


def critical(study: Study, found: Tradeoffs | None) -> Drawn:
    """The critical N of each environment and estimator, fitted and predicted."""
    assert found is not None
    laws = found.laws.reset_index(drop=True)
    height = 1.2 + LINE * max(1, len(laws))
    figure, axes = plt.subplots(figsize=(SIZE[0], height), layout="constrained")
    axes.set(xscale="log", xlabel="critical N = E_min / S_min, trajectories per update")
    axes.set_xlim(_limits(laws))
    for place, row in laws.iterrows():
        colour = style.estimator_look(study.estimators.index(row["estimator"]))["color"]
        for name, shift, look in (
            ("critical_n", 0.12, {"marker": "o", "ms": 5}),
            ("predicted_n", -0.12, STAR | {"ms": 9, "mfc": colour}),
        ):
            at = -float(str(place)) + shift
            _interval(axes, row[f"{name}_low"], row[f"{name}_high"], at, colour)
            axes.plot(row[name], at, color=colour, **look)
    labels = [f"{row['environment']}, {row['estimator']}" for _, row in laws.iterrows()]
    axes.set_yticks([-i for i in range(len(laws))], labels)
    layout.title(figure, "Beyond this N, trajectories buy little but fewer updates")
    fitted = Line2D([], [], marker="o", ls="-", color="0.3", label="fitted")
    predicted = Line2D([], [], **STAR | {"ms": 9, "mfc": "white"}, label="predicted")
    layout.legend(figure, [fitted, predicted])
    sns.despine(figure)
    return figure, laws


def _limits(laws: pd.DataFrame) -> tuple[float, float]:
    """Around the estimates: an interval may reach down to nothing, or have no end."""
    known = laws[["critical_n", "predicted_n"]].to_numpy(float).ravel()
    known = known[np.isfinite(known)]
    if not len(known):
        known = np.append(laws["critical_n_low"].to_numpy(float), 1.0)
    return known.min() / WIDEST, known.max() * WIDEST


def _interval(
    axes: Axes, low: float, high: float, at: float, colour: style.Colour
) -> None:
    """Where it has no upper end, an arrow at the edge."""
    edge = axes.get_xlim()[1]
    axes.plot([low, min(high, edge)], [at, at], color=colour)
    if high == np.inf:
        axes.plot(edge, at, color=colour, marker=">", clip_on=False)
