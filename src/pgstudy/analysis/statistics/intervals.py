"""95 % intervals from the values of a few runs; each method is named where it stands.

How often they cover is measured: see `coverage`. Equal values have no interval, for
they say nothing of the spread: it is NaN, never of width zero.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats

from pgstudy.analysis.statistics.basics import (
    CONFIDENCE,
    CUT,
    Array,
    interquartile_mean,
)

TAIL = (1 - CONFIDENCE) / 2
ALMOST = 0.93  # of the median: the exact levels jump, and five values reach 0.9375


class Interval(NamedTuple):
    """An estimate and its 95 % interval: NaN where nothing is known of the spread."""

    estimate: float
    low: float
    high: float


def mean_bounds(values: Array) -> tuple[Array, Array]:
    """Student's t interval of the mean. values: [n] or [n, points] -> [] or [points].

    NaN where n = 1 or all values are equal.
    """
    n, shape = len(values), values.shape[1:]
    if n < 2:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    half = scipy.stats.t.ppf(1 - TAIL, n - 1) * values.std(0, ddof=1) / math.sqrt(n)
    half = np.where(np.ptp(values, axis=0) > 0, half, np.nan)
    mean = values.mean(0)
    return mean - half, mean + half


def mean(strata: Sequence[Array]) -> Interval:
    """Mean of all values; t interval with Satterthwaite's degrees of freedom.

    strata: an array [n_e] for each environment. For one of them it is Student's.
    """
    values = np.concatenate(strata)
    estimate = float(values.mean()) if len(values) else math.nan
    return _studentised(estimate, strata, len(values))


def interquartile(strata: Sequence[Array]) -> Interval:
    """Interquartile mean of all values; t interval from the winsorised values.

    Tukey & McLaughlin (1963), with the variance taken within environments. strata: as
    in `mean`.
    """
    values = np.concatenate(strata)
    estimate = float(interquartile_mean(values))
    cut = int(CUT * len(values))
    kept = len(values) - 2 * cut
    if kept < 2:
        return Interval(estimate, math.nan, math.nan)
    low, high = np.sort(values)[[cut, -cut - 1]]
    return _studentised(estimate, [s.clip(low, high) for s in strata], kept)


def _studentised(estimate: float, strata: Sequence[Array], kept: int) -> Interval:
    """t interval from the spread within strata; kept: values behind the estimate."""
    counts = np.array([len(s) for s in strata])
    if counts.min() < 2:
        return Interval(estimate, math.nan, math.nan)
    if max(np.ptp(s) for s in strata) == 0:
        return Interval(estimate, math.nan, math.nan)
    # of the sum of all values in a stratum, over the number of those kept
    variances = np.array([s.var(ddof=1) for s in strata]) * counts / kept**2
    df = satterthwaite(variances, (counts - 1) * (kept - 1) / (counts.sum() - 1))
    half = scipy.special.stdtrit(df, 1 - TAIL) * math.sqrt(variances.sum())
    return Interval(estimate, float(estimate - half), float(estimate + half))


def satterthwaite(variances: Array, freedoms: Array) -> float:
    """Degrees of freedom of a sum of independent estimates of variance: [parts]."""
    return float(variances.sum() ** 2 / (variances**2 / freedoms).sum())


def median(values: Array) -> Interval:
    """Median with the sign test's interval, two of the values. [n]; inf is allowed.

    The level is exact, 93 % at least (93.75 % at n = 5); NaN below five values.
    """
    n, ordered = len(values), np.sort(values)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    middle = ordered[(n - 1) // 2], ordered[n // 2]
    # not their mean: inf / 2 + inf / 2 is inf, but inf - inf would not be
    estimate = float(middle[1] if np.isinf(middle[1]) else sum(middle) / 2)
    below = 1 - 2 * scipy.stats.binom.cdf(np.arange(n), n, 0.5)
    outside = int((below >= ALMOST).sum()) - 1  # values beyond each end
    if outside < 0:
        return Interval(estimate, math.nan, math.nan)
    return Interval(estimate, float(ordered[outside]), float(ordered[-1 - outside]))


@functools.lru_cache(maxsize=4096)
def share(hits: int, n: int) -> Interval:
    """A share of n runs with Clopper and Pearson's (1934) exact interval.

    Runs of several environments may be pooled: the interval can only cover more then
    (Hoeffding 1956).
    """
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    test = scipy.stats.binomtest(hits, n)
    found = test.proportion_ci(CONFIDENCE, method="exact")
    return Interval(hits / n, float(found.low), float(found.high))


def percentile_interval(estimate: float, draws: Array) -> Interval:
    """The middle 95 % of bootstrap draws, [R]."""
    low, high = np.quantile(draws, [TAIL, 1 - TAIL])
    return Interval(estimate, float(low), float(high))
