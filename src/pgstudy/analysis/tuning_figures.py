"""How sensitive the return is to the step size, and which one each N prefers."""

from __future__ import annotations

from typing import Any

from pgstudy.analysis import style  # before pyplot: it sets the backend

import matplotlib.pyplot as plt  # isort: skip
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from pgstudy.analysis.figures import PANEL, Drawn
from pgstudy.analysis.tables import Tables
from pgstudy.analysis.tuning import best_areas
from pgstudy.experiment.study import Study


def draw(study: Study, tuning: Tables | None, environment: str) -> Drawn:
    """A column per estimator: sensitivity above, the chosen step sizes below."""
    assert tuning is not None  # the name is only asked for where there is a tuning
    summary = tuning.summary
    here = summary[summary["environment"] == environment]
    names = [n for n in study.estimators if (here["estimator"] == n).any()]
    size = PANEL[0] * max(len(names), 1.4), PANEL[1] * 2 + 0.4
    figure, axes = plt.subplots(
        2, len(names), figsize=size, squeeze=False, sharex="row", sharey="row",
        layout="constrained",
    )  # fmt: skip
    for column, estimator in zip(axes.T, names, strict=True):
        rows = here[here["estimator"] == estimator]
        column[0].set_title(estimator)
        _sensitivity(column[0], study, rows)
        _chosen(column[1], rows)
    axes[0][0].set_ylabel("mean learning curve, tuning seeds")
    axes[1][0].set_ylabel("chosen step size")
    looks = style.looks(study)
    figure.suptitle(f"{environment}: step sizes", fontsize=9)
    handles, _ = axes[1][0].get_legend_handles_labels()
    figure.legend(
        handles=[*looks.handles(), *handles], loc="outside lower center", ncols=8,
        frameon=False, title=looks.title,
    )  # fmt: skip
    sns.despine(figure)
    return figure, here


def _sensitivity(axes: Axes, study: Study, rows: pd.DataFrame) -> None:
    axes.set(xlabel="step size", xscale="log")
    colours = style.looks(study).colours
    for n, curve in rows.groupby("n"):
        colour, curve = colours[int(str(n))], curve.sort_values("learning_rate")
        axes.plot(
            curve["learning_rate"], curve["area"], color=colour, lw=1.2,
            marker=".", ms=4,
        )  # fmt: skip
        top = best_areas(curve).head(1)
        axes.plot(
            top["learning_rate"], top["area"], color=colour, marker="o", ms=8,
            mfc="none",
        )  # fmt: skip


def _chosen(axes: Axes, rows: pd.DataFrame) -> None:
    chosen = pd.concat([best_areas(group).head(1) for _, group in rows.groupby("n")])
    n, alpha = (chosen[k].to_numpy(float) for k in ("n", "learning_rate"))
    axes.set(xlabel="N, trajectories per update", xscale="log", yscale="log")
    grey: Any = {"color": "0.5", "lw": 0.9}
    axes.plot(n, alpha[0] * n / n[0], ls="--", label="linear in N", **grey)
    axes.plot(n, alpha[0] * np.sqrt(n / n[0]), ls=":", label="root of N", **grey)
    axes.plot(n, alpha, marker="o", ms=4, ls="", color="0.1", label="chosen")
    axes.set_xticks(n, [f"{value:g}" for value in n])
    axes.minorticks_off()
