"""Finished runs -> the tables: runs, their curves, curves and summary of each cell.

Curves run over environment steps, or over episodes where the budgets do; `updates`
holds them over equal updates. Read are the runs that the study asks for, by key, never
what happens to lie about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pgstudy.analysis.common.columns import TABLES
from pgstudy.analysis.common.csv_files import TableSet
from pgstudy.analysis.statistics import curves
from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.statistics.comparisons import area
from pgstudy.analysis.tables import histories, rows, thresholds
from pgstudy.analysis.tables.histories import History
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Cell, rivals
from pgstudy.experiment.study.study import Study


@dataclass(frozen=True)
class Tables(TableSet):
    """The tables of a study; `seeds` has a curve per run, in the rows of `runs`."""

    SCHEMAS = TABLES

    runs: pd.DataFrame
    seeds: pd.DataFrame
    curves: pd.DataFrame
    updates: pd.DataFrame
    summary: pd.DataFrame


def rows_of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The rows of one cell."""
    place = (table["environment"] == cell.environment) & (table["n"] == cell.n)
    how = table["estimator"] == cell.estimator
    return table[place & how & (table["learning_rate"] == cell.learning_rate)]


def seed_curves(tables: Tables, cell: Cell) -> tuple[Array, ...]:
    """Where a cell's bins are, [bins], and the curves of its runs, [n, bins]."""
    rows = tables.seeds.loc[rows_of(tables.runs, cell).index].to_numpy(np.float64)
    return (np.arange(rows.shape[1] - 1) + 0.5) * rows[0, 0], rows[:, 1:]


def best(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary, the best final return first.

    Rows with fewer finished runs come after all others: the mean of the few that
    happened to finish is no reason to prefer a cell.
    """
    order = ["finished", "final_return"]
    return summary.sort_values(order, ascending=False, kind="stable")


Order = Callable[[pd.DataFrame], pd.DataFrame]


def at_best_learning_rates(study: Study, tables: Tables, order: Order = best) -> Study:
    """The study with only the best of several learning rates at one N.

    order: puts rows of a summary, the best first.
    """
    cells = [_best(tables, group, order) for group in rivals(study.cells)]
    return replace(study, cells=tuple(cells))


def _best(tables: Tables, group: list[Cell], order: Order) -> Cell:
    if len(group) == 1:
        return group[0]
    summary = pd.concat([rows_of(tables.summary, cell) for cell in group])
    alpha = order(summary)["learning_rate"].iloc[0]
    return next(cell for cell in group if cell.learning_rate == alpha)


def build(store: Store, study: Study) -> Tables:
    """All tables of a study from the runs that are there."""
    parts = [_environment_tables(store, study, name) for name in study.environments]
    every = zip(*parts, strict=True)
    return Tables(*(pd.concat(tables, ignore_index=True) for tables in every))


def _environment_tables(
    store: Store, study: Study, environment: str
) -> tuple[pd.DataFrame, ...]:
    """The five tables of one environment, whose cells share their bins."""
    unit, edges = study.unit(environment), _edges(store, study, environment)
    cells = study.cells_of(environment)
    runs = [[store.run(cell, seed) for seed in study.seeds] for cell in cells]
    found = [[histories.read(run, unit) for run in row] for row in runs]
    equal = _equal_updates(found, study.bins)
    every = [h for row in found for h in row if h is not None]
    cap = min((float(h.ends[-1]) for h in every), default=np.nan)
    window = thresholds.window(cell.n for cell in cells)
    parts = []
    for cell, row, read in zip(cells, runs, found, strict=True):
        binned = np.array([histories.binned(history, edges) for history in read])
        run_rows = pd.DataFrame(map(rows.run_row, row, read))
        at = (edges[:-1] + edges[1:]) / 2
        run_rows["threshold_at"] = _reached(cell, read, window)
        run_rows["area"] = [area(at, curve) for curve in binned]
        run_rows["equal_updates_return"] = [_last(h, equal) for h in read]
        curve = curves.curve_table(cell, {"unit": unit, "at": at}, binned)
        updates = _updates_table(cell, equal, [h for h in read if h is not None])
        summary = pd.DataFrame([rows.summary_row(cell, unit, run_rows, cap)])
        seeds = pd.DataFrame(binned).rename(columns=str)
        seeds.insert(0, "bin_width", edges[1])
        parts.append((run_rows, seeds, curve, updates, summary))
    return tuple(pd.concat(tables) for tables in zip(*parts, strict=True))


def _reached(cell: Cell, read: list[History | None], window: int) -> list[float]:
    """When each run reached the threshold; NaN for never, and without a threshold."""
    if cell.threshold is None:
        return [np.nan] * len(read)
    updates = -(-window // cell.n)
    times = [thresholds.reached_at(cell.threshold, h, updates) for h in read]
    return [time if np.isfinite(time) else np.nan for time in times]


def _last(history: History | None, edges: Array) -> float:
    """A run's mean return in the last bin of equal updates."""
    return np.nan if history is None else float(history.by_updates(edges[-2:])[0])


def _equal_updates(found: list[list[History | None]], bins: int) -> Array:
    """Edges of bins over as many updates as every finished run made."""
    counts = [len(h.returns) for row in found for h in row if h is not None]
    end = min(counts, default=1)
    return np.linspace(0, end, min(bins, end) + 1)


def _updates_table(cell: Cell, edges: Array, found: list[History]) -> pd.DataFrame:
    """Mean return against the number of updates, and the steps that these took."""
    binned = np.array([history.by_updates(edges) for history in found])
    steps = np.array([history.steps_at(edges[1:]) for history in found])
    axis = {"update": edges[1:]}
    if not found:
        binned, steps = (np.full((1, len(edges) - 1), np.nan) for _ in range(2))
    return curves.curve_table(cell, axis | {"env_steps": steps.mean(0)}, binned)


def _edges(store: Store, study: Study, environment: str) -> Array:
    """Equal bins of the curves' unit, the same for every cell of the environment."""
    cells = study.cells_of(environment)
    budgets, unit = [c.specification.budget for c in cells], study.unit(environment)
    if all(budget.unit == unit for budget in budgets):
        end = max(budget.amount for budget in budgets)
    else:
        runs = [store.run(c, seed) for c in cells for seed in study.seeds]
        records = [record for run in runs if (record := run.record())]
        end = max([1, *(record.env_steps for record in records)])
    return np.linspace(0, end, study.bins + 1)
