"""Aggregates over seeds. The seed is the unit of replication: one value per run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.stats

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
CUT = 0.25  # of the values, at each end: what an interquartile mean leaves out
BOOTSTRAP_SEED = 20181113  # stated, so that two calls agree to the last bit


def interquartile_mean(values: Array) -> Array:
    """Mean of the middle half (Agarwal et al. 2021). values: [n, ...] -> [...].

    NaN where n = 0.
    """
    if len(values) == 0:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(scipy.stats.trim_mean(values, CUT, axis=0))


def binned(ends: Array, returns: Array, edges: Array, n: Array | None = None) -> Array:
    """A run's mean return per trajectory, in spans of environment steps or episodes.

    ends: [U] steps or episodes after each update; returns: [U] mean return of its
    batch, sampled from the end before (0 at first) to this end; edges: [bins + 1];
    n: [U] its trajectories, where not all updates have as many.
    An update that reaches over an edge counts on each side by its share.
    Every trajectory weighs the same: weighing by steps would favour long episodes.
    Returns [bins], NaN for a span that the run does not cover whole.
    """
    knots = np.concatenate([[0.0], ends])
    n = np.ones(len(ends)) if n is None else n
    total = np.interp(edges, knots, np.concatenate([[0.0], np.cumsum(n * returns)]))
    trajectories = np.interp(edges, knots, np.concatenate([[0.0], np.cumsum(n)]))
    with np.errstate(invalid="ignore"):  # 0 / 0 beyond the end of the run
        bins: Array = np.diff(total) / np.diff(trajectories)
    bins[edges[1:] > ends[-1]] = np.nan
    return bins
