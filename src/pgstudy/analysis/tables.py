"""Finished runs -> runs.csv (a row per run), curves.csv and summary.csv (per cell).

Curves run over environment steps, or over episodes where the budgets do.

Read are the runs that the study asks for, by key, never what happens to lie about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis import statistics
from pgstudy.experiment import provenance
from pgstudy.experiment.runs import COMPLETE, UPDATES, Run, Store, write_atomically
from pgstudy.experiment.study import Cell, Study

FINAL_SHARE = 0.1  # "final" is the last tenth of a run, by the unit of its curves
History = tuple[statistics.Array, statistics.Array]
STATES = (*COMPLETE, "failed", "missing")
TEXT = dict.fromkeys(("environment", "estimator", "key", "commit"), str)
CURVES = dict.fromkeys(("at", "mean", "iqm", "low", "high"), float)  # even without rows


@dataclass(frozen=True)
class Tables:
    """The three tables of a study."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write each as CSV with full precision."""
        for name, table in vars(self).items():
            write_atomically(folder / f"{name}.csv", csv_writer(table))

    @classmethod
    def read(cls, folder: Path) -> Tables:
        """The inverse of `write`."""
        names = ("runs", "curves", "summary")
        # A label such as "none" or "1" is text, not a missing value or a number.
        options: Any = {
            "keep_default_na": False,
            "na_values": [""],
            "dtype": TEXT | CURVES,
        }
        return cls(*(pd.read_csv(folder / f"{name}.csv", **options) for name in names))


def rows_of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The rows of one cell."""
    place = (table["environment"] == cell.environment) & (table["n"] == cell.n)
    how = table["estimator"] == cell.estimator
    return table[place & how & (table["learning_rate"] == cell.alpha)]


def best(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary, the best final return first.

    Rows with fewer finished runs come after all others: the mean of the few that
    happened to finish is no reason to prefer a cell.
    """
    order = ["finished", "final_return"]
    return summary.sort_values(order, ascending=False, kind="stable")


def csv_writer(table: pd.DataFrame) -> Callable[[Path], object]:
    """For `write_atomically`: CSV with full precision."""
    return lambda path: table.to_csv(path, index=False, lineterminator="\n")


def build(store: Store, study: Study) -> Tables:
    """All tables of a study from the runs that are there."""
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    summary: list[dict[str, Any]] = []
    edges = {e: _edges(store, study, e) for e in study.environments}
    for cell in study.cells:
        runs = [store.run(cell, seed) for seed in study.seeds]
        grid, unit = edges[cell.environment], study.unit(cell.environment)
        histories = [_history(run, unit) for run in runs]
        binned = [_binned(history, grid) for history in histories]
        cell_rows = [
            _run_row(run, _final_return(history), _reached(cell.threshold, curve, grid))
            for run, history, curve in zip(runs, histories, binned, strict=True)
        ]
        rows += cell_rows
        curves.append(_curve_table(cell, unit, grid, np.array(binned)))
        summary.append(_summary_row(cell, unit, pd.DataFrame(cell_rows)))
    return Tables(pd.DataFrame(rows), pd.concat(curves), pd.DataFrame(summary))


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


def _history(run: Run, unit: str) -> History | None:
    """A finished run's `unit` spent after each update, and its mean returns."""
    if not run.is_complete() or (run.record() or {})["status"] != "finished":
        return None
    table = pd.read_parquet(run.folder / UPDATES, columns=[unit, "mean_return"])
    ends = table[unit].to_numpy(np.float64)
    return ends, table["mean_return"].to_numpy(np.float64)


def _binned(history: History | None, edges: statistics.Array) -> statistics.Array:
    if history is None:
        return np.full(len(edges) - 1, np.nan)
    return statistics.binned(*history, edges)


def _final_return(history: History | None) -> float | None:
    """Mean return per trajectory over the last tenth of the run."""
    if history is None:
        return None
    end = history[0][-1]
    span = np.array([(1 - FINAL_SHARE) * end, end])
    return float(statistics.binned(*history, span)[0])


def _run_row(
    run: Run, final_return: float | None, threshold_at: float | None
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
        measured["final_return"] = final_return
    return row | measured


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _reached(
    threshold: float | None, curve: statistics.Array, edges: statistics.Array
) -> float | None:
    """End of the first bin whose return reaches the threshold; None for never."""
    if threshold is None:
        return None
    reached = np.flatnonzero(np.nan_to_num(curve, nan=-np.inf) >= threshold)
    return float(edges[1:][reached[0]]) if len(reached) else None


def _curve_table(
    cell: Cell, unit: str, edges: statistics.Array, binned: statistics.Array
) -> pd.DataFrame:
    aggregates = statistics.column_aggregates(binned)
    table = pd.DataFrame(
        {"unit": unit, "at": (edges[:-1] + edges[1:]) / 2, **aggregates}
    )
    table = table.rename(columns={"n": "runs"}).astype({"runs": int})
    table.insert(0, "environment", cell.environment)
    table.insert(1, "estimator", cell.estimator)
    table.insert(2, "n", cell.n)
    table.insert(3, "learning_rate", cell.alpha)
    return table[table["runs"] > 0]


def _summary_row(cell: Cell, unit: str, runs: pd.DataFrame) -> dict[str, Any]:
    """Finished runs are averaged; all runs stay in the denominators."""
    finished = runs[runs["status"] == "finished"]
    final = finished["final_return"].to_numpy(np.float64)
    reached = runs["threshold_at"].dropna().to_numpy(np.float64)
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
        "final_return": float(final.mean()) if len(final) else None,
        "final_low": float(low),
        "final_high": float(high),
        "final_iqm": float(iqm),
        "final_iqm_low": float(iqm_low),
        "final_iqm_high": float(iqm_high),
        "threshold": cell.threshold,
        "reached_threshold": len(reached),
        "median_threshold_at": median if np.isfinite(median) else None,
        "mean_updates": finished["updates"].dropna().mean(),
    }  # fmt: skip
