"""One row of runs.csv or summary.csv, and the curves of one cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis import statistics
from pgstudy.analysis.histories import History
from pgstudy.experiment import git, provenance
from pgstudy.experiment.runs import COMPLETE, Run
from pgstudy.experiment.study import Cell

STATES = (*COMPLETE, "failed", "missing")
AGGREGATES = ("runs", "mean", "iqm", "low", "high")


def run_row(
    run: Run, history: History | None, threshold_at: float | None
) -> dict[str, Any]:
    """A run's row of runs.csv; numbers are missing where the run is."""
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
    if history is not None or run.is_complete():  # a history is of a complete run
        measured |= {k: record[k] for k in ("env_steps", "updates", "episodes")}
        measured["commit"] = git.commit_text(record["made_by"]["git"])
        measured["seconds"] = round(record["seconds"], 3)
        measured["ended"] = provenance.utc(record["started"] + record["seconds"])
        measured["untrained_return"] = _mean(record["evaluation"]["untrained"])
        measured["evaluation_return"] = _mean(record["evaluation"]["final"])
        measured["threshold_at"] = threshold_at
        measured["final_return"] = history.final_return if history else None
    return row | measured


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def curve_table(
    cell: Cell, axis: dict[str, Any], binned: statistics.Array
) -> pd.DataFrame:
    """Aggregates over a cell's runs at each point of the axis; binned: [n, points]."""
    aggregates = statistics.column_aggregates(binned)
    place = {"environment": cell.environment, "estimator": cell.estimator,
             "n": cell.n, "learning_rate": cell.alpha}  # fmt: skip
    columns = {"runs" if k == "n" else k: v for k, v in aggregates.items()}
    table = pd.DataFrame({**axis, **columns, **place}).astype({"runs": int})
    return table[table["runs"] > 0][[*place, *axis, *AGGREGATES]]


def summary_row(cell: Cell, unit: str, runs: pd.DataFrame) -> dict[str, Any]:
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
