"""Curves of a cell: aggregates over its runs at each point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.statistics.basics import Array, interquartile_mean
from pgstudy.analysis.statistics.intervals import mean_bounds
from pgstudy.experiment.study.cell import Cell

AGGREGATES = ("runs", "mean", "iqm", "low", "high")


def curve_table(cell: Cell, axis: dict[str, Any], binned: Array) -> pd.DataFrame:
    """Aggregates over a cell's runs at each point of the axis; binned: [n, points]."""
    aggregates = column_aggregates(binned)
    place = {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "learning_rate": cell.learning_rate,
    }
    columns = {"runs" if k == "n" else k: v for k, v in aggregates.items()}
    table = pd.DataFrame({**axis, **columns, **place}).astype({"runs": int})
    return table[table["runs"] > 0][[*place, *axis, *AGGREGATES]]


def column_aggregates(values: Array) -> dict[str, Array]:
    """Aggregates of each column over the seeds that have it. values: [seeds, points].

    Returns n, mean, iqm, low, high: [points]; low and high bound the mean (t interval).
    A run that has no value at a point (NaN) is not extrapolated: n falls there.
    """
    points = values.shape[1]
    present = ~np.isnan(values)
    result = {name: np.full(points, np.nan) for name in ("mean", "iqm", "low", "high")}
    # Columns that miss the same seeds are aggregated together: mostly one group.
    patterns, group = np.unique(present.T, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        columns = np.flatnonzero(group.reshape(-1) == index)
        if not pattern.any():
            continue
        block = values[np.ix_(np.flatnonzero(pattern), columns)]
        result["mean"][columns] = block.mean(axis=0)
        result["iqm"][columns] = interquartile_mean(block)
        result["low"][columns], result["high"][columns] = mean_bounds(block)
    return {"n": present.sum(axis=0).astype(float), **result}
