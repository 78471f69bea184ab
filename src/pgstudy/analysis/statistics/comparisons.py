"""Comparisons over runs' values: the seed is the unit of replication, NaN has no place.

Definitions of Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", where a docstring names them. An environment is a stratum.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats

from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.basics import BOOTSTRAP_SEED, Array
from pgstudy.analysis.statistics.intervals import TAIL, satterthwaite
from pgstudy.analysis.statistics.intervals import (
    Interval as Interval,  # others take it from here
)

MAX_SUBSETS = 500


class Welch(NamedTuple):
    """A difference of means, its 95 % interval, p of no difference, and the test's
    degrees of freedom.
    """

    difference: float
    low: float
    high: float
    p: float
    df: float


def optimality_gap(strata: Sequence[Array], target: float = 1.0) -> Interval:
    """How far runs stay below the target on average (Agarwal et al. 2021).

    strata: as in AGGREGATES. A run above the target counts as 0. With a t interval.
    """
    return intervals.mean([np.maximum(target - scores, 0) for scores in strata])


# Of runs' scores in one or more environments: an array [n_e] for each. They are pooled,
# so that an environment with more seeds weighs more. rliable's `aggregate_median` is
# another thing: the median of the environments' means.
AGGREGATES: dict[str, Callable[[Sequence[Array]], Interval]] = {
    "mean": intervals.mean,
    "median": lambda strata: intervals.median(np.concatenate(strata)),
    "iqm": intervals.interquartile,
    "optimality_gap": optimality_gap,
}


def performance_profile(
    strata: Sequence[Array], thresholds: Array
) -> tuple[Array, Array, Array]:
    """Share of runs above each threshold, low and high: [points] each.

    The run-score distribution of Agarwal et al. 2021, with exact intervals that are for
    one threshold at a time. strata: an array [n_e] for each environment, pooled.
    """
    pooled = np.concatenate(strata)
    found = [intervals.share(int((pooled > t).sum()), len(pooled)) for t in thresholds]
    shares, low, high = np.array(found).reshape(-1, 3).T
    return shares, low, high


def welch(one: Array, two: Array) -> Welch:
    """Welch's t test of mean(one) - mean(two), for unequal variances. [n] and [m].

    Two samples without any spread say nothing of it: no interval, no p.
    """
    nothing = math.nan, math.nan, math.nan, math.nan
    least = min(len(one), len(two))
    difference = float(one.mean() - two.mean()) if least else math.nan
    if least < 2 or np.ptp(one) == np.ptp(two) == 0:
        return Welch(difference, *nothing)
    counts = np.array([len(one), len(two)])
    variances = np.array([one.var(ddof=1), two.var(ddof=1)]) / counts
    df, error = satterthwaite(variances, counts - 1), math.sqrt(variances.sum())
    half = float(scipy.special.stdtrit(df, 1 - TAIL)) * error
    p = 2 * float(scipy.special.stdtr(df, -abs(difference) / error))
    return Welch(difference, difference - half, difference + half, p, df)


def holm(p: Array) -> Array:
    """Holm's (1979) step-down adjusted p-values. [tests] -> [tests].

    NaN is a test that was not made: it stays NaN and does not count.
    """
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def area(at: Array, curve: Array) -> float:
    """Average height of a learning curve: area under it over its width.

    at: [bins] middles, ascending; curve: [bins]. A middle stands for the way to
    half-way to its neighbours, as far out as in at the ends: for equal bins, its bin.
    NaN if any bin is: nothing is extrapolated.
    """
    widths = np.gradient(at) if len(at) > 1 else np.ones(len(at))
    return float(curve @ widths / widths.sum()) if len(at) else math.nan


def width_by_seeds(values: Array, counts: Sequence[int]) -> Array:
    """Expected width of the 95 % t interval of the mean, had only k seeds been run.

    values: [n]; counts: the k. The average over all subsets of k seeds, or over 500
    drawn ones where there are more. Returns [counts], NaN where k < 2 or k > n.
    """
    return np.array([_width(values, k) for k in counts], dtype=np.float64)


def _width(values: Array, k: int) -> float:
    n = len(values)
    if not 2 <= k <= n:
        return math.nan
    if math.comb(n, k) <= MAX_SUBSETS:
        picks = np.array(list(itertools.combinations(range(n), k)))
    else:
        generator = np.random.default_rng(BOOTSTRAP_SEED)
        seeds = np.tile(np.arange(n), (MAX_SUBSETS, 1))
        picks = generator.permuted(seeds, axis=1)[:, :k]
    errors = values[picks].std(axis=1, ddof=1) / math.sqrt(k)
    return float(2 * scipy.stats.t.ppf(1 - TAIL, k - 1) * errors.mean())
