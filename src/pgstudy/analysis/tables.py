"""Finished runs -> runs.csv (a row per run), curves.csv and summary.csv (per cell).

Read is what the study's manifests name, never what happens to lie in a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis import statistics
from pgstudy.experiment.runs import UPDATES, Run, Store, write_atomically
from pgstudy.experiment.study import Cell, Study

FINAL_SHARE = 0.1  # "final" is the last tenth of a run's environment steps
TEXT = dict.fromkeys(("environment", "estimator", "key", "commit"), str)


@dataclass(frozen=True)
class Tables:
    """The three tables of a study."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write each as CSV with full precision."""
        for name, table in vars(self).items():
            write_atomically(folder / f"{name}.csv", _csv_writer(table))

    @classmethod
    def read(cls, folder: Path) -> Tables:
        """The inverse of `write`."""
        names = ("runs", "curves", "summary")
        # A label such as "none" or "1" is text, not a missing value or a number.
        options: Any = {"keep_default_na": False, "na_values": [""], "dtype": TEXT}
        return cls(*(pd.read_csv(folder / f"{name}.csv", **options) for name in names))


def _csv_writer(table: pd.DataFrame) -> Callable[[Path], object]:
    return lambda path: table.to_csv(path, index=False, lineterminator="\n")


def build(store: Store, study: Study) -> Tables:
    """All tables of a study from the runs that are there."""
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    summary: list[dict[str, Any]] = []
    edges = {e: _edges(store, study, e) for e in study.environments}
    for cell in study.cells:
        runs = [store.run(cell, seed) for seed in study.seeds]
        binned = [_binned(run, edges[cell.environment]) for run in runs]
        cell_rows = [
            _run_row(run, cell, curve, edges[cell.environment])
            for run, curve in zip(runs, binned, strict=True)
        ]
        rows += cell_rows
        curves.append(_curve_table(cell, edges[cell.environment], np.array(binned)))
        summary.append(_summary_row(cell, pd.DataFrame(cell_rows)))
    return Tables(pd.DataFrame(rows), pd.concat(curves), pd.DataFrame(summary))


def _edges(store: Store, study: Study, environment: str) -> statistics.Array:
    """Equal bins of environment steps, the same for every cell of the environment."""
    cells = [c for c in study.cells if c.environment == environment]
    budgets = [c.specification.budget for c in cells]
    if all(budget.unit == "env_steps" for budget in budgets):
        end = max(budget.amount for budget in budgets)
    else:
        runs = [store.run(c, seed) for c in cells for seed in study.seeds]
        end = max([(run.record() or {}).get("env_steps", 1) for run in runs])
    return np.linspace(0, end, study.bins + 1)


def _binned(run: Run, edges: statistics.Array) -> statistics.Array:
    if not run.is_complete() or (run.record() or {})["status"] != "finished":
        return np.full(len(edges) - 1, np.nan)
    table = pd.read_parquet(run.folder / UPDATES, columns=["env_steps", "mean_return"])
    ends = table["env_steps"].to_numpy(np.float64)
    returns = table["mean_return"].to_numpy(np.float64)
    return statistics.binned_by_steps(ends, returns, edges)


def _run_row(
    run: Run, cell: Cell, curve: statistics.Array, edges: statistics.Array
) -> dict[str, Any]:
    record = run.record() or {}
    status = record.get("status", "missing")
    row = {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "seed": run.seed,
        "status": status,
        "key": cell.key(run.seed),
        "learning_rate": cell.specification.optimizer.learning_rate,
    }
    measured: dict[str, Any] = dict.fromkeys(
        ("env_steps", "updates", "episodes", "seconds", "untrained_return",
         "final_return", "evaluation_return", "steps_to_threshold", "commit")
    )  # fmt: skip
    if run.is_complete():
        measured |= {k: record[k] for k in ("env_steps", "updates", "episodes")}
        git = record["made_by"]["git"]
        measured["commit"] = f"{git['commit']}{'+' if git['dirty'] else ''}"
        measured["seconds"] = round(record["seconds"], 3)
        measured["untrained_return"] = _mean(record["evaluation"]["untrained"])
        measured["evaluation_return"] = _mean(record["evaluation"]["final"])
        measured["steps_to_threshold"] = _steps_to(cell.threshold, curve, edges)
        if status == "finished":
            measured["final_return"] = _final_return(run)
    return row | measured


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _final_return(run: Run) -> float:
    """Mean return per trajectory over the last tenth of the run's env steps."""
    table = pd.read_parquet(run.folder / UPDATES, columns=["env_steps", "mean_return"])
    ends = table["env_steps"].to_numpy(np.float64)
    span = np.array([(1 - FINAL_SHARE) * ends[-1], ends[-1]])
    returns = table["mean_return"].to_numpy(np.float64)
    return float(statistics.binned_by_steps(ends, returns, span)[0])


def _steps_to(
    threshold: float | None, curve: statistics.Array, edges: statistics.Array
) -> float | None:
    """End of the first bin whose return reaches the threshold; None for never."""
    if threshold is None:
        return None
    reached = np.flatnonzero(np.nan_to_num(curve, nan=-np.inf) >= threshold)
    return float(edges[1:][reached[0]]) if len(reached) else None


def _curve_table(
    cell: Cell, edges: statistics.Array, binned: statistics.Array
) -> pd.DataFrame:
    aggregates = statistics.column_aggregates(binned)
    table = pd.DataFrame({"env_steps": (edges[:-1] + edges[1:]) / 2, **aggregates})
    table = table.rename(columns={"n": "runs"}).astype({"runs": int})
    table.insert(0, "environment", cell.environment)
    table.insert(1, "estimator", cell.estimator)
    table.insert(2, "n", cell.n)
    return table[table["runs"] > 0]


def _summary_row(cell: Cell, runs: pd.DataFrame) -> dict[str, Any]:
    """Finished runs are averaged; all runs stay in the denominators."""
    finished = runs[runs["status"] == "finished"]
    final = finished["final_return"].to_numpy(np.float64)
    reached = runs["steps_to_threshold"].dropna().to_numpy(np.float64)
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
           for s in ("finished", "diverged", "failed", "missing")},
        "learning_rate": cell.specification.optimizer.learning_rate,
        "untrained_return": finished["untrained_return"].dropna().mean(),
        "final_return": float(final.mean()) if len(final) else None,
        "final_low": float(low),
        "final_high": float(high),
        "final_iqm": float(iqm),
        "final_iqm_low": float(iqm_low),
        "final_iqm_high": float(iqm_high),
        "threshold": cell.threshold,
        "reached_threshold": len(reached),
        "median_steps_to_threshold": median if np.isfinite(median) else None,
        "mean_updates": finished["updates"].dropna().mean(),
    }  # fmt: skip
