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
from pgstudy.analysis.tables.tuning import sensitivity
from pgstudy.experiment.study.study import Study

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
