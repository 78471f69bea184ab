"""The best learning rate for each N, and how it grows, from a tuning study's runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.statistics.basics import BOOTSTRAP_SEED, Array
from pgstudy.analysis.statistics.intervals import Interval, percentile_interval
from pgstudy.analysis.tables.build import Tables, at_best_learning_rates
from pgstudy.experiment.store.record import COMPLETE
from pgstudy.experiment.study.cell import Cell, Group
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.tuning import Choice

SLOPES = 500  # bootstrap draws


def best_areas(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of a summary, the best first: the rule of `experiment.study.tuning`."""
    ordered = summary.sort_values("learning_rate", kind="stable")
    return ordered.sort_values(["finished", "area"], ascending=False, kind="stable")


def chosen(study: Study, tables: Tables) -> tuple[Choice, ...]:
    """The learning rate of each environment, estimator and N of a tuning study."""
    best = at_best_learning_rates(study, tables, best_areas)
    return tuple(Choice.of(cell) for cell in best.cells)


def sensitivity(study: Study, tuning: Tables) -> pd.DataFrame:
    """What the learning rates were chosen by, and which were: a row for each.

    Columns environment, estimator, n, learning_rate, value and chosen. The value is the
    mean learning curve; of a trade-off study the mean updates to the threshold, where a
    run that did not arrive counts as its cap. study: with the chosen ones alone.
    """
    groups = ["environment", "estimator", "n", "learning_rate"]
    if study.tradeoff is None:
        found = tuning.summary[[*groups, "area"]].rename(columns={"area": "value"})
    else:
        caps: dict[tuple[Any, ...], float] = {
            cell.group: cell.specification.budget.amount for cell in study.cells
        }
        means = [
            (*group, updates_taken(runs, caps[group[:-1]]).mean())
            for group, runs in tuning.runs.groupby(groups, sort=False)
        ]
        found = pd.DataFrame(means, columns=[*groups, "value"])
    chosen = {Choice.of(cell) for cell in study.cells}
    rows = found[groups].itertuples(index=False, name=None)
    return found.assign(chosen=[Choice(*row) in chosen for row in rows])


def updates_taken(runs: pd.DataFrame, cap: float) -> Array:
    """Updates of the runs of a cell, the cap where one did not get to the threshold.

    Those without numbers are left out: [runs].
    """
    ended = runs[runs["status"].isin(COMPLETE)]
    arrived = ended["status"] == "finished"
    return np.where(arrived, ended["updates"].to_numpy(float), cap)


def learning_rate_slope(runs: pd.DataFrame) -> Interval:
    """Slope of the log of the best learning rate on log N.

    runs: rows of one environment and estimator, several learning rates at each N. One
    at which fewer runs finished is no choice. The interval is a percentile bootstrap
    over seeds, and on each side wider by what half a step of the grid can do: the best
    rate is not known better. NaN if at some N no run finished.
    """
    counts, choices, halves = [], [], []
    for n, group in sorted(runs.groupby("n")):
        table = group.pivot(index="learning_rate", columns="seed", values="area")
        finished = table.count(axis=1)
        if finished.max() == 0:
            return Interval(np.nan, np.nan, np.nan)
        counts.append(float(str(n)))
        halves.append(_half_step(table.index.to_numpy(float)))
        choices.append(_choices(table[finished == finished.max()]))
    across = np.log(counts) - np.log(counts).mean()
    factors = across / (across @ across)  # least squares is linear in the heights
    slopes = factors @ np.array(choices)
    if runs["seed"].nunique() < 2:
        return Interval(float(slopes[0]), np.nan, np.nan)
    found = percentile_interval(float(slopes[0]), slopes[1:])
    unknown = float(abs(factors) @ np.array(halves))
    return Interval(found.estimate, found.low - unknown, found.high + unknown)


def _half_step(rates: Array) -> float:
    """Half the largest distance between neighbours of a grid, in logarithms."""
    return float(np.diff(np.log(np.sort(rates))).max() / 2) if len(rates) > 1 else 0.0


def _choices(table: pd.DataFrame) -> Array:
    """Log of the learning rate with the highest mean area: of all seeds, then of draws.

    table: a row per learning rate, a column per seed; areas that are missing are left
    out, and of equals the first is taken. Returns [1 + SLOPES].
    """
    areas, logs = table.to_numpy(float), np.log(table.index.to_numpy(float))
    seeds = areas.shape[1]
    # the same draws at each N, as the seeds are the same
    draws = np.random.default_rng(BOOTSTRAP_SEED).integers(seeds, size=(SLOPES, seeds))
    picks = np.vstack([np.arange(seeds), draws])
    drawn, there = np.nan_to_num(areas)[:, picks], ~np.isnan(areas)[:, picks]
    with np.errstate(invalid="ignore"):  # 0 / 0: none of the drawn seeds finished
        means = drawn.sum(axis=2) / there.sum(axis=2)
    return np.asarray(logs[np.nan_to_num(means, nan=-np.inf).argmax(axis=0)])


def at_edge(study: Study, tuning: Tables | None) -> dict[Group, str]:
    """Chosen learning rates at an end of their grid: "smallest" or "largest".

    study: with the chosen ones alone; tuning: the tables that they were chosen from.
    A grid of one learning rate has no end.
    """
    if tuning is None:
        return {}
    found = {}
    for cell in study.cells:
        grid = _grid(tuning.runs, cell)
        ends = {grid[-1]: "largest", grid[0]: "smallest"} if len(grid) > 1 else {}
        if cell.learning_rate in ends:
            found[cell.group] = ends[cell.learning_rate]
    return found


def _grid(runs: pd.DataFrame, cell: Cell) -> list[float]:
    """The learning rates that were tried, in rising order."""
    here = (runs["environment"] == cell.environment) & (runs["n"] == cell.n)
    here &= runs["estimator"] == cell.estimator
    return sorted(runs.loc[here, "learning_rate"].unique())
