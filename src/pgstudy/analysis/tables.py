"""Finished runs -> runs.csv (a row per run), curves.csv and summary.csv (per cell).

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
from pgstudy.experiment.runs import UPDATES, Run, Store, write_atomically
from pgstudy.experiment.study import Cell, Study

FINAL_SHARE = 0.1  # "final" is the last tenth of a run's environment steps
History = tuple[statistics.Array, statistics.Array]
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
        grid = edges[cell.environment]
        histories = [_history(run) for run in runs]
        binned = [_binned(history, grid) for history in histories]
        cell_rows = [
            _run_row(
                run, _final_return(history), _steps_to(cell.threshold, curve, grid)
            )
            for run, history, curve in zip(runs, histories, binned, strict=True)
        ]
        rows += cell_rows
        curves.append(_curve_table(cell, grid, np.array(binned)))
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


def _history(run: Run) -> History | None:
    """A finished run's environment steps after each update and its mean returns."""
    if not run.is_complete() or (run.record() or {})["status"] != "finished":
        return None
    table = pd.read_parquet(run.folder / UPDATES, columns=["env_steps", "mean_return"])
    ends = table["env_steps"].to_numpy(np.float64)
    return ends, table["mean_return"].to_numpy(np.float64)


def _binned(history: History | None, edges: statistics.Array) -> statistics.Array:
    if history is None:
        return np.full(len(edges) - 1, np.nan)
    return statistics.binned_by_steps(*history, edges)


def _final_return(history: History | None) -> float | None:
    """Mean return per trajectory over the last tenth of the run's env steps."""
    if history is None:
        return None
    end = history[0][-1]
    span = np.array([(1 - FINAL_SHARE) * end, end])
    return float(statistics.binned_by_steps(*history, span)[0])


def _run_row(
    run: Run, final_return: float | None, steps_to_threshold: float | None
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
        measured["steps_to_threshold"] = steps_to_threshold
        measured["final_return"] = final_return
    return row | measured


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


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
