"""Aggregates over seeds. The seed is the unit of replication: one value per run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.stats

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
MAX_VALUES = 10_000_000  # of one array of resamples: 80 MB
BOOTSTRAP_SEED = 20181113  # stated, so that two calls agree to the last bit


def interquartile_mean(values: Array) -> Array:
    """Mean of the middle half (Agarwal et al. 2021). values: [n, ...] -> [...].

    NaN where n = 0.
    """
    if len(values) == 0:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(scipy.stats.trim_mean(values, 0.25, axis=0))


def bootstrap_interval(values: Array, aggregate: str) -> tuple[Array, Array]:
    """95 % percentile bootstrap over seeds of `mean` or `iqm` (Agarwal et al. 2021).

    values: [n] or [n, points] without NaN. Returns low and high, [] or [points]; NaN
    where n = 1, since one seed says nothing of the spread.
    """
    n = len(values)
    shape = values.shape[1:]
    if n < 2:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    picks = generator.integers(n, size=(n, RESAMPLES))
    if values.ndim == 1:
        return _quantiles(values, picks, aggregate)
    columns = max(1, MAX_VALUES // picks.size)  # at once, to bound the memory
    parts = [
        _quantiles(values[:, i : i + columns], picks, aggregate)
        for i in range(0, values.shape[1], columns)
    ]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _quantiles(
    values: Array, picks: npt.NDArray[np.int64], aggregate: str
) -> tuple[Array, Array]:
    draws = values[picks]  # [n, resamples, ...]
    means = draws.mean(axis=0) if aggregate == "mean" else interquartile_mean(draws)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def column_aggregates(values: Array) -> dict[str, Array]:
    """Aggregates of each column over the seeds that have it. values: [seeds, points].

    Returns n, mean, iqm, low, high: [points]; low and high bound the mean. A run that
    has no value at a point (NaN) is not extrapolated: n falls there.
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
        result["low"][columns], result["high"][columns] = bootstrap_interval(
            block, "mean"
        )
    return {"n": present.sum(axis=0).astype(float), **result}


def binned(ends: Array, returns: Array, edges: Array) -> Array:
    """A run's mean return per trajectory, in spans of environment steps or episodes.

    ends: [U] steps or episodes after each update; returns: [U] mean return of its
    batch, sampled from the end before (0 at first) to this end; edges: [bins + 1].
    An update that reaches over an edge counts on each side by its share.
    Every trajectory weighs the same: weighing by steps would favour long episodes.
    Returns [bins], NaN for a span that the run does not cover whole.
    """
    knots = np.concatenate([[0.0], ends])
    total = np.interp(edges, knots, np.concatenate([[0.0], np.cumsum(returns)]))
    updates = np.interp(edges, knots, np.arange(len(knots)))
    with np.errstate(invalid="ignore"):  # 0 / 0 beyond the end of the run
        bins: Array = np.diff(total) / np.diff(updates)
    bins[edges[1:] > ends[-1]] = np.nan
    return bins


def median_or_never(values: Array) -> float:
    """Median of steps to a threshold, [n]; inf, in and out, stands for never."""
    ordered = np.sort(values)
    middle = (len(ordered) - 1) // 2, len(ordered) // 2
    if np.isinf(ordered[middle[1]]):
        return float("inf")
    return float((ordered[middle[0]] + ordered[middle[1]]) / 2)
