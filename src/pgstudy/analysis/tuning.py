"""The best step size for each N, and how it grows, from the runs of a tuning study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.comparisons import Interval
from pgstudy.analysis.statistics import BOOTSTRAP_SEED
from pgstudy.analysis.tables import Tables, rows_of
from pgstudy.experiment.study import Study
from pgstudy.experiment.tuning import place

SLOPES = 500  # bootstrap draws


def best_areas(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of a summary, the best first: the rule of `experiment.tuning`."""
    ordered = summary.sort_values("learning_rate", kind="stable")
    return ordered.sort_values(["finished", "area"], ascending=False, kind="stable")


def chosen(study: Study, tables: Tables) -> dict[str, float]:
    """The step size of each environment, estimator and N of a tuning study."""
    found = {}
    for cell in study.cells:
        rivals = [c for c in study.cells if place(c) == place(cell)]
        rows = pd.concat([rows_of(tables.summary, c) for c in rivals])
        found[place(cell)] = float(best_areas(rows)["learning_rate"].iloc[0])
    return found


def step_size_slope(runs: pd.DataFrame) -> Interval:
    """Slope of the log of the best step size on log N, bootstrapped over seeds.

    runs: rows of one environment and estimator, several step sizes at each N. A run
    that did not finish makes its step size no choice.
    """
    tables = [
        group.pivot(index="learning_rate", columns="seed", values="area")
        for _, group in runs.groupby("n")
    ]
    ns = np.log(np.array(sorted(runs["n"].unique()), float))

    def slope(seeds: Any) -> float:
        chosen = [
            t.index.to_numpy()[np.argmax(t.to_numpy()[:, seeds].mean(1))]
            for t in finite
        ]
        return float(np.polyfit(ns, np.log(np.array(chosen, float)), 1)[0])

    finite = [table.fillna(-np.inf) for table in tables]
    count = finite[0].shape[1]
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    draws = [slope(generator.integers(count, size=count)) for _ in range(SLOPES)]
    low, high = np.quantile(draws, [0.025, 0.975]) if count > 1 else (np.nan, np.nan)
    return Interval(slope(np.arange(count)), float(low), float(high))
