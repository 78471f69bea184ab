"""How sensitive the return is to the learning rate, and which one each N prefers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import Drawn
from pgstudy.analysis.tables.build import Tables
from pgstudy.analysis.tables.tuning import best_areas
from pgstudy.experiment.study.study import Study

GREY: Any = {"color": "0.5", "lw": 0.9}
LINEAR = GREY | {"ls": "--", "label": "linear in N"}
ROOT = GREY | {"ls": ":", "label": "root of N"}
CHOSEN: Any = {"marker": "o", "ms": 4, "ls": "", "color": "0.1", "label": "chosen"}


def draw(study: Study, tuning: Tables | None, environment: str) -> Drawn:
    """A panel per estimator: sensitivity above, the chosen learning rates below."""
    assert tuning is not None  # the name is only asked for where there is a tuning
    summary = tuning.summary
    here = summary[summary["environment"] == environment]
    names = [n for n in study.estimators if (here["estimator"] == n).any()]
    figure, (above, below) = layout.panels(len(names), stacked=2)
    for one, two, estimator in zip(above, below, names, strict=True):
        rows = here[here["estimator"] == estimator]
        layout.panel_title(one, estimator)
        _sensitivity(one, study, rows)
        _chosen(two, study, rows)
    layout.share_x(above)
    layout.share_x(below)
    layout.share_y(above, "mean learning curve, tuning seeds")
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
        axes.plot(
            curve["learning_rate"],
            curve["area"],
            color=colour,
            lw=1.2,
            marker=".",
            ms=4,
        )
        top = best_areas(curve).head(1)
        axes.plot(
            top["learning_rate"],
            top["area"],
            color=colour,
            marker="o",
            ms=8,
            mfc="none",
        )


def _chosen(axes: Axes, study: Study, rows: pd.DataFrame) -> None:
    chosen = pd.concat([best_areas(group).head(1) for _, group in rows.groupby("n")])
    n, alpha = (chosen[k].to_numpy(float) for k in ("n", "learning_rate"))
    axes.set(xlabel="N, trajectories per update", xscale="log", yscale="log")
    axes.plot(n, alpha[0] * n / n[0], **LINEAR)
    axes.plot(n, alpha[0] * np.sqrt(n / n[0]), **ROOT)
    axes.plot(n, alpha, **CHOSEN)
    axes.set_xticks(study.sample_counts, map(str, study.sample_counts))
    axes.minorticks_off()
