"""The best step size for each N, and how it grows, from the runs of a tuning study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.comparisons import Interval, percentile_interval
from pgstudy.analysis.statistics import BOOTSTRAP_SEED
from pgstudy.analysis.tables import Tables, at_best_step_sizes
from pgstudy.experiment.study import Study
from pgstudy.experiment.tuning import place

SLOPES = 500  # bootstrap draws


def best_areas(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of a summary, the best first: the rule of `experiment.tuning`."""
    ordered = summary.sort_values("learning_rate", kind="stable")
    return ordered.sort_values(["finished", "area"], ascending=False, kind="stable")


def chosen(study: Study, tables: Tables) -> dict[str, float]:
    """The step size of each environment, estimator and N of a tuning study."""
    best = at_best_step_sizes(study, tables, best_areas)
    return {place(cell): cell.alpha for cell in best.cells}


def step_size_slope(runs: pd.DataFrame) -> Interval:
    """Slope of the log of the best step size on log N, bootstrapped over seeds.

    runs: rows of one environment and estimator, several step sizes at each N. One at
    which fewer runs finished is no choice. NaN if at some N no run finished.
    """
    tables = [
        group.pivot(index="learning_rate", columns="seed", values="area")
        for _, group in runs.groupby("n")
    ]
    counts = [table.count(axis=1) for table in tables]
    if min(count.max() for count in counts) == 0:
        return Interval(np.nan, np.nan, np.nan)
    tables = [t[c == c.max()] for t, c in zip(tables, counts, strict=True)]
    ns = np.log(np.array(sorted(runs["n"].unique()), float))

    def slope(seeds: Any) -> float:
        chosen = [_highest(table, seeds) for table in tables]
        return float(np.polyfit(ns, np.log(chosen), 1)[0])

    seeds = tables[0].shape[1]
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    draws = [slope(generator.integers(seeds, size=seeds)) for _ in range(SLOPES)]
    estimate = slope(np.arange(seeds))
    if seeds < 2:
        return Interval(estimate, np.nan, np.nan)
    return percentile_interval(estimate, np.array(draws))


def _highest(table: pd.DataFrame, seeds: Any) -> float:
    """The step size with the highest mean area over these seeds, of equals the first.

    Areas of runs that did not finish are left out.
    """
    means = table.iloc[:, seeds].mean(axis=1).fillna(-np.inf)
    return float(table.index.to_numpy(float)[int(means.to_numpy().argmax())])
