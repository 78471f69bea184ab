"""Finished runs -> the tables: runs, their curves, curves and summary of each cell.

Curves run over environment steps, or over episodes where the budgets do; `updates`
holds them over equal updates. Read are the runs that the study asks for, by key, never
what happens to lie about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis import histories, statistics
from pgstudy.analysis.comparisons import area
from pgstudy.analysis.histories import History
from pgstudy.experiment import provenance
from pgstudy.experiment.runs import COMPLETE, Run, Store, write_atomically
from pgstudy.experiment.study import Cell, Study

STATES = (*COMPLETE, "failed", "missing")
TEXT = dict.fromkeys(("environment", "estimator", "key", "commit"), str)
CURVES = dict.fromkeys(
    ("at", "update", "mean", "iqm", "low", "high"), float
)  # even without rows


AGGREGATES = ("runs", "mean", "iqm", "low", "high")
NAMES = ("runs", "seeds", "curves", "updates", "summary")


@dataclass(frozen=True)
class Tables:
    """The tables of a study; `seeds` has a curve per run, in the rows of `runs`."""

    runs: pd.DataFrame
    seeds: pd.DataFrame
    curves: pd.DataFrame
    updates: pd.DataFrame
    summary: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write each as CSV with full precision."""
        for name, table in vars(self).items():
            write_atomically(folder / f"{name}.csv", csv_writer(table))

    @classmethod
    def read(cls, folder: Path) -> Tables:
        """The inverse of `write`."""
        # A label such as "none" or "1" is text, not a missing value or a number.
        options: Any = {
            "keep_default_na": False,
            "na_values": [""],
            "dtype": TEXT | CURVES,
        }
        return cls(*(pd.read_csv(folder / f"{name}.csv", **options) for name in NAMES))


def rows_of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The rows of one cell."""
    place = (table["environment"] == cell.environment) & (table["n"] == cell.n)
    how = table["estimator"] == cell.estimator
    return table[place & how & (table["learning_rate"] == cell.alpha)]


def seed_curves(tables: Tables, cell: Cell) -> tuple[statistics.Array, ...]:
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


def best_cells(study: Study, tables: Tables) -> list[Cell]:
    """The study's cells; of several step sizes at one N only the best one."""
    rivals: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in study.cells:
        place = cell.environment, cell.estimator, cell.n
        rivals.setdefault(place, []).append(cell)
    return [_best(tables, cells) for cells in rivals.values()]


def _best(tables: Tables, rivals: list[Cell]) -> Cell:
    if len(rivals) == 1:
        return rivals[0]
    summary = pd.concat([rows_of(tables.summary, cell) for cell in rivals])
    alpha = best(summary)["learning_rate"].iloc[0]
    return next(cell for cell in rivals if cell.alpha == alpha)


def csv_writer(table: pd.DataFrame) -> Callable[[Path], object]:
    """For `write_atomically`: CSV with full precision."""
    return lambda path: table.to_csv(path, index=False, lineterminator="\n")


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
    cells = [cell for cell in study.cells if cell.environment == environment]
    runs = [[store.run(cell, seed) for seed in study.seeds] for cell in cells]
    found = [[histories.read(run, unit) for run in row] for row in runs]
    equal = _equal_updates(found, study.bins)
    parts = []
    for cell, row, read in zip(cells, runs, found, strict=True):
        binned = np.array([histories.binned(history, edges) for history in read])
        rows = pd.DataFrame(
            [
                _run_row(run, history, histories.reached(cell.threshold, curve, edges))
                for run, history, curve in zip(row, read, binned, strict=True)
            ]
        )
        at = (edges[:-1] + edges[1:]) / 2
        rows["area"] = [area(at, curve) for curve in binned]
        curves = _curve_table(cell, {"unit": unit, "at": at}, binned)
        updates = _updates_table(cell, equal, [h for h in read if h is not None])
        summary = pd.DataFrame([_summary_row(cell, unit, rows)])
        seeds = pd.DataFrame(binned).rename(columns=str)
        seeds.insert(0, "bin_width", edges[1])
        parts.append((rows, seeds, curves, updates, summary))
    return tuple(pd.concat(tables) for tables in zip(*parts, strict=True))


def _equal_updates(found: list[list[History | None]], bins: int) -> statistics.Array:
    """Edges of bins over as many updates as every finished run made."""
    counts = [len(h.returns) for row in found for h in row if h is not None]
    end = min(counts, default=1)
    return np.linspace(0, end, min(bins, end) + 1)


def _updates_table(
    cell: Cell, edges: statistics.Array, found: list[History]
) -> pd.DataFrame:
    """Mean return against the number of updates, and the steps that these took."""
    binned = np.array([history.by_updates(edges) for history in found])
    steps = np.array([history.steps_at(edges[1:]) for history in found])
    axis = {"update": edges[1:]}
    if not found:
        binned, steps = (np.full((1, len(edges) - 1), np.nan) for _ in range(2))
    return _curve_table(cell, axis | {"env_steps": steps.mean(0)}, binned)


def _edges(store: Store, study: Study, environment: str) -> statistics.Array:
    """Equal bins of the curves' unit, the same for every cell of the environment."""
    cells = [c for c in study.cells if c.environment == environment]
    budgets, unit = [c.specification.budget for c in cells], study.unit(environment)
    if all(budget.unit == unit for budget in budgets):
        end = max(budget.amount for budget in budgets)
    else:
        runs = [store.run(c, seed) for c in cells for seed in study.seeds]
        end = max([(run.record() or {}).get("env_steps", 1) for run in runs])
    return np.linspace(0, end, study.bins + 1)


def _run_row(
    run: Run, history: History | None, threshold_at: float | None
) -> dict[str, Any]:
    record = run.record() or {}
    cell = run.cell
    row = {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "seed": run.seed,
        "status": record.get("status", "missing"),
        "reason": record.get("reason"),
        "key": cell.key(run.seed),
        "learning_rate": cell.alpha,
    }
    measured: dict[str, Any] = dict.fromkeys(
        ("env_steps", "updates", "episodes", "seconds", "untrained_return",
         "final_return", "evaluation_return", "threshold_at", "ended", "commit")
    )  # fmt: skip
    if run.is_complete():
        measured |= {k: record[k] for k in ("env_steps", "updates", "episodes")}
        git = record["made_by"]["git"]
        measured["commit"] = f"{git['commit']}{'+' if git['dirty'] else ''}"
        measured["seconds"] = round(record["seconds"], 3)
        measured["ended"] = provenance.utc(record["started"] + record["seconds"])
        measured["untrained_return"] = _mean(record["evaluation"]["untrained"])
        measured["evaluation_return"] = _mean(record["evaluation"]["final"])
        measured["threshold_at"] = threshold_at
        measured["final_return"] = history.final_return if history else None
    return row | measured


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _curve_table(
    cell: Cell, axis: dict[str, Any], binned: statistics.Array
) -> pd.DataFrame:
    aggregates = statistics.column_aggregates(binned)
    place = {"environment": cell.environment, "estimator": cell.estimator,
             "n": cell.n, "learning_rate": cell.alpha}  # fmt: skip
    columns = {"runs" if k == "n" else k: v for k, v in aggregates.items()}
    table = pd.DataFrame({**axis, **columns, **place}).astype({"runs": int})
    return table[table["runs"] > 0][[*place, *axis, *AGGREGATES]]


def _summary_row(cell: Cell, unit: str, runs: pd.DataFrame) -> dict[str, Any]:
    """Finished runs are averaged; all runs stay in the denominators."""
    finished = runs[runs["status"] == "finished"]
    final = finished["final_return"].to_numpy(np.float64)
    reached = runs["threshold_at"].dropna().to_numpy(np.float64)
    areas = runs["area"].dropna().to_numpy(np.float64)
    area_low, area_high = statistics.bootstrap_interval(areas, "mean")
    never = np.full(len(runs) - len(reached), np.inf)
    low, high = statistics.bootstrap_interval(final, "mean")
    iqm = statistics.interquartile_mean(final)
    iqm_low, iqm_high = statistics.bootstrap_interval(final, "iqm")
    median = statistics.median_or_never(np.concatenate([reached, never]))
    return {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "runs": len(runs),
        **{s: int((runs["status"] == s).sum())
           for s in STATES},
        "learning_rate": cell.alpha,
        "unit": unit,
        "untrained_return": finished["untrained_return"].dropna().mean(),
        "final_return": float(final.mean()) if len(final) else np.nan,
        "final_low": float(low),
        "final_high": float(high),
        "final_median": float(np.median(final)) if len(final) else np.nan,
        "final_iqm": float(iqm),
        "final_iqm_low": float(iqm_low),
        "final_iqm_high": float(iqm_high),
        "area": float(areas.mean()) if len(areas) else np.nan,
        "area_low": float(area_low),
        "area_high": float(area_high),
        "threshold": cell.threshold,
        "reached_threshold": len(reached),
        "median_threshold_at": median if np.isfinite(median) else np.nan,
        "mean_updates": finished["updates"].dropna().mean(),
        "mean_seconds": finished["seconds"].dropna().mean(),
    }  # fmt: skip
