"""Figures of the gradient measurements: against N, and the variance by source."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pgstudy.analysis.common.names import FRACTIONS
from pgstudy.analysis.figures import layout, style
from pgstudy.analysis.figures.layout import Drawn
from pgstudy.experiment.study.study import Study

ROWS = {
    "variance": "variance of the estimate",
    "noise_scale": "gradient noise scale",
    "cosine": "cosine to the gradient",
}
SOURCES = {
    "between_starts": "between starts",
    "of_steps": "steps by themselves",
    "of_pairs": "between steps",
}
SIZE = 7.0, 5.2  # inches
MANY = 6  # estimators; the figure is larger with more of them
APART = 0.3  # in log N, from the first to the last estimator
LAW: Any = {"color": "0.6", "lw": 0.8, "ls": "--"}  # the line of 1/N


def draw(study: Study, measured: pd.DataFrame, environment: str) -> Drawn:
    """A row per quantity, a column per fraction of training, a marker per estimator."""
    scale = 1.5 if len(study.estimators) > MANY else 1.0
    figure, axes = plt.subplots(
        len(ROWS),
        len(FRACTIONS),
        figsize=(SIZE[0] * scale, SIZE[1] * scale),
        sharex=True,
        sharey="row",
        layout="constrained",
    )
    here = measured["environment"] == environment
    table = measured[here & measured["n"].notna()]
    for row, (name, label) in zip(axes, ROWS.items(), strict=True):
        for panel, at in zip(row, FRACTIONS, strict=True):
            _panel(panel, study, table[table["at"] == at], name)
        row[0].set_ylabel(label)
    for panel, at in zip(axes[0], FRACTIONS, strict=True):
        panel.set_title(f"{at} of training")
    for panel in axes[-1]:
        panel.set_xlabel("N, trajectories per estimate")
        panel.set_xticks(study.sample_counts, map(str, study.sample_counts))
        panel.minorticks_off()
    layout.title(figure, f"{environment}: estimates of the gradient")
    law = Line2D([], [], label="1/N", **LAW)
    layout.legend(figure, [*style.estimator_handles(study), law])
    sns.despine(figure)
    return figure, table


def sources(measured: pd.DataFrame, environment: str) -> Drawn:
    """A column per fraction of training, a bar per estimator, which adds up to 1."""
    here = measured["environment"] == environment
    table = measured[here & measured["within_start"].notna()]
    names = list(dict.fromkeys(table["estimator"]))
    width, height = SIZE[0], 1.2 + 0.3 * len(names)
    figure, axes = plt.subplots(
        1, len(FRACTIONS), figsize=(width, height), sharey=True, layout="constrained"
    )
    for panel, at in zip(axes, FRACTIONS, strict=True):
        _bars(panel, table[table["at"] == at], names)
        panel.set_title(f"{at} of training")
        panel.set_xlabel("share of the variance")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    layout.title(figure, f"{environment}: variance of one trajectory's gradient")
    colours = dict(zip(SOURCES.values(), style.set_of(len(SOURCES)), strict=True))
    layout.legend(figure, [Patch(color=c, label=name) for name, c in colours.items()])
    sns.despine(figure)
    return figure, table


def _bars(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    """Parts above 0 are stacked to the right, those below 0 to the left."""
    places = np.array([names.index(name) for name in table["estimator"]])
    whole = table["between_starts"] + table["within_start"]
    ends = np.zeros((2, len(table)))
    every, now = style.set_of(len(SOURCES)), np.arange(len(table))
    for name, colour in zip(SOURCES, every, strict=True):
        share = (table[name] / whole).to_numpy(float)
        side = (share < 0).astype(int)
        axes.barh(places, share, 0.6, ends[side, now], color=colour)
        ends[side, now] += share
    shares = (table[f"between_starts{end}"] / whole for end in ("", "_low", "_high"))
    found, low, high = (share.to_numpy(float) for share in shares)
    apart = np.maximum([found - low, high - found], 0)
    axes.errorbar(found, places, xerr=apart, fmt="none", ecolor="0.1", capsize=2, lw=1)
    axes.set_ylim(-0.5, max(len(names), 1) - 0.5)
    axes.axvline(0, color="0.4", lw=0.8)


def _panel(axes: Axes, study: Study, table: pd.DataFrame, name: str) -> None:
    axes.set_xscale("log")
    if name != "cosine":
        axes.set_yscale("log")
    if table.empty:
        return
    for index, estimator in enumerate(study.estimators):
        rows = table[table["estimator"] == estimator]
        mean = rows[name].to_numpy(float)
        apart = [mean - rows[f"{name}_low"], rows[f"{name}_high"] - mean]
        place = (index - (len(study.estimators) - 1) / 2) / len(study.estimators)
        axes.errorbar(
            rows["n"] * np.exp(APART * place),
            mean,
            yerr=np.maximum(apart, 0),
            capsize=2,
            ms=4,
            **style.estimator_look(index) | {"lw": 1},
        )
    if name == "variance":
        first = table.sort_values("n").iloc[0]
        ns = np.array(study.sample_counts, float)
        axes.plot(ns, first["variance"] * first["n"] / ns, **LAW)
