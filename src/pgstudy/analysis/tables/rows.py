"""One row of runs.csv or summary.csv."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.common.columns import RUNS, names
from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.tables import thresholds
from pgstudy.analysis.tables.histories import History
from pgstudy.experiment.provenance.git import commit_text
from pgstudy.experiment.provenance.identity import utc
from pgstudy.experiment.store.record import INCOMPLETE, MISSING, STATES, RunRecord
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.study.cell import Cell


def run_row(run: Run, history: History | None) -> dict[str, Any]:
    """A run's row of runs.csv; numbers are missing where the run is, or is damaged.

    The last three columns are of all runs of an environment: `build` has them.
    """
    record, cell = run.record(), run.cell
    complete = history is not None or run.is_complete()  # a history is of such a run
    if not complete and record and record.status not in INCOMPLETE:
        record = None
    damaged = "" if record else run.damaged()
    row = dict.fromkeys(names(RUNS)) | {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "seed": run.seed,
        "status": record.status if record else MISSING,
        "reason": f"{damaged} is damaged" if damaged else record and record.reason,
        "key": run.key,
        "learning_rate": cell.learning_rate,
    }
    measured = _recorded(record) if record and complete else {}
    return row | measured | ({} if history is None else _of_history(history))


def _recorded(record: RunRecord) -> dict[str, Any]:
    """What a complete run's record says."""
    return {
        "env_steps": record.env_steps,
        "updates": record.updates,
        "episodes": record.episodes,
        "seconds": round(record.seconds, 3),
        "untrained_return": _mean(record.evaluation["untrained"]),
        "evaluation_return": _mean(record.evaluation["final"]),
        "ended": utc(record.ended),
        "commit": commit_text(record.made_by["git"]),
    }


def _of_history(history: History) -> dict[str, float]:
    return {
        "final_return": history.final_return,
        "truncated_share": float(history.truncated.mean()),
        "final_truncated_share": history.final_truncated_share,
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def summary_row(
    cell: Cell, unit: str, runs: pd.DataFrame, cap: float
) -> dict[str, Any]:
    """Finished runs are averaged; all runs stay in the denominators.

    cap: of the times to the threshold, see `thresholds`.
    """
    finished = runs[runs["status"] == "finished"]
    final = finished["final_return"].to_numpy(np.float64)
    areas = runs["area"].dropna().to_numpy(np.float64)
    return {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "runs": len(runs),
        **{s: int((runs["status"] == s).sum()) for s in STATES},
        "learning_rate": cell.learning_rate,
        "unit": unit,
        "untrained_return": finished["untrained_return"].dropna().mean(),
        **_bounded("final", intervals.mean([final]), "final_return"),
        "final_median": float(np.median(final)) if len(final) else np.nan,
        **_bounded("final_iqm", intervals.interquartile([final])),
        **_bounded("area", intervals.mean([areas])),
        "truncated_share": finished["final_truncated_share"].dropna().mean(),
        "threshold": cell.threshold,
        **_way(cell, runs, cap),
        "mean_updates": finished["updates"].dropna().mean(),
        "mean_seconds": finished["seconds"].dropna().mean(),
    }


def _bounded(name: str, found: Interval, estimate: str = "") -> dict[str, float]:
    """An interval as three columns."""
    bounds = {f"{name}_low": found.low, f"{name}_high": found.high}
    return {estimate or name: found.estimate} | bounds


def _way(cell: Cell, runs: pd.DataFrame, cap: float) -> dict[str, Any]:
    """How many runs reached the threshold, and when: median and restricted mean.

    A time of inf is never; there is none without a threshold.
    """
    reached = runs["threshold_at"].dropna().to_numpy(np.float64)
    times = np.concatenate([reached, np.full(len(runs) - len(reached), np.inf)])
    if cell.threshold is None:
        times = times[:0]
    return {
        "reached_threshold": len(reached),
        **_bounded("median_threshold_at", intervals.median(times)),
        **_bounded("mean_threshold_at", thresholds.restricted_mean(times, cap)),
        "threshold_cap": cap if len(times) else np.nan,
    }
