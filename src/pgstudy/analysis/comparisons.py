"""Comparisons over runs' values: the seed is the unit of replication, NaN has no place.

Definitions of Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", where a docstring names them. An environment is a stratum.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.stats

from pgstudy.analysis import statistics
from pgstudy.analysis.statistics import BOOTSTRAP_SEED, CONFIDENCE, RESAMPLES, Array

Aggregate = Callable[[Array], npt.ArrayLike]  # along axis 0: [n, ...] -> [...]

MAX_SUBSETS = 500
TAIL = (1 - CONFIDENCE) / 2


class Interval(NamedTuple):
    """An estimate and its 95 % interval: NaN where nothing is known of the spread."""

    estimate: float
    low: float
    high: float


class Welch(NamedTuple):
    """A difference of means, its 95 % interval, and p of no difference."""

    difference: float
    low: float
    high: float
    p: float


def optimality_gap(scores: Array, target: float = 1.0) -> Array:
    """How far runs stay below the target on average (Agarwal et al. 2021).

    scores: [n, ...] -> [...]. A run above the target counts as 0.
    """
    return np.asarray(np.maximum(target - scores, 0).mean(axis=0))


AGGREGATES: dict[str, Aggregate] = {
    "mean": lambda scores: np.mean(scores, axis=0),
    "median": lambda scores: np.median(scores, axis=0),
    "iqm": statistics.interquartile_mean,
    "optimality_gap": optimality_gap,
}


def stratified(values: Sequence[Array], aggregate: Aggregate) -> Interval:
    """Stratified percentile bootstrap of an aggregate (Agarwal et al. 2021).

    values: an array [n_e] for each environment. Scores are pooled, so that an
    environment with more seeds weighs more. rliable's `aggregate_median` is another
    thing: the median of the environments' means. No interval if any n_e < 2.
    """
    pooled = np.concatenate(values)
    estimate = float(np.asarray(aggregate(pooled))) if len(pooled) else math.nan
    if min(map(len, values)) < 2:
        return Interval(estimate, math.nan, math.nan)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    picks = [generator.integers(len(v), size=(len(v), RESAMPLES)) for v in values]
    draws = np.concatenate([v[p] for v, p in zip(values, picks, strict=True)])
    return percentile_interval(estimate, np.asarray(aggregate(draws)))


def performance_profile(
    values: Sequence[Array], thresholds: Array
) -> tuple[Array, Array, Array]:
    """Share of runs above each threshold, low and high: [points] each.

    The run-score distribution of Agarwal et al. 2021. values: an array [n_e] for each
    environment, pooled and resampled as in `stratified`. Bounds are for one threshold
    at a time; a share of 0 or 1 has no width.
    """

    def above(threshold: float) -> Interval:
        return stratified(values, lambda scores: np.mean(scores > threshold, axis=0))

    share, low, high = np.array([above(t) for t in thresholds]).reshape(-1, 3).T
    return share, low, high


def percentile_interval(estimate: float, draws: Array) -> Interval:
    """The middle 95 % of bootstrap draws, [R]."""
    low, high = np.quantile(draws, [TAIL, 1 - TAIL])
    return Interval(estimate, float(low), float(high))


def probability_of_improvement(one: Array, two: Array) -> Interval:
    """P(X > Y) + P(X = Y) / 2 of a run X of one, [n], and a run Y of two, [m].

    Mann and Whitney's U over n m (Agarwal et al. 2021); both samples are resampled.
    Only the order counts: -inf may stand for a run that failed, and two such tie.
    """
    # Not by the sign of the difference: -inf less -inf is NaN.
    column = one[:, None]
    wins = (column > two) + 0.5 * (column == two)  # [n, m]
    estimate = float(wins.mean()) if wins.size else math.nan
    if min(wins.shape) < 2:
        return Interval(estimate, math.nan, math.nan)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    # How often each run is drawn says as much as the draw, and needs no [n, m, draws].
    times_one, times_two = (
        generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float)
        for n in wins.shape
    )
    draws = ((times_one @ wins) * times_two).sum(axis=1) / wins.size
    return percentile_interval(estimate, draws)


def welch(one: Array, two: Array) -> Welch:
    """Welch's t test of mean(one) - mean(two), for unequal variances. [n] and [m].

    Two samples without any spread differ for sure or not at all: p is 0 or 1.
    """
    least = min(len(one), len(two))
    difference = float(one.mean() - two.mean()) if least else math.nan
    if least < 2:
        return Welch(difference, math.nan, math.nan, math.nan)
    if np.ptp(one) == 0 and np.ptp(two) == 0:
        exact = float(one[0] - two[0])  # a mean of equal numbers may be rounded
        return Welch(exact, exact, exact, float(exact == 0))
    with warnings.catch_warnings():  # scipy warns if one sample is constant: it may be
        warnings.simplefilter("ignore", RuntimeWarning)
        test = scipy.stats.ttest_ind(one, two, equal_var=False)
        bounds = test.confidence_interval(CONFIDENCE)
    return Welch(difference, float(bounds.low), float(bounds.high), float(test.pvalue))


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


def log_log_slope(x: Array, estimates: Array, draws: Array) -> Interval:
    """Slope of log(estimates) on log(x), weighted by 1 / variance of log(draws).

    x, estimates: [K]; draws: [K, R] bootstrap draws of each estimate. The interval
    holds the middle 95 % of the slopes of the R columns, with the same weights.
    A row is left out whole if its estimate or any draw is not above 0, since leaving
    out single draws would bias it upwards; so is one whose draws are all equal, since
    its weight is not known. If no row's draws vary, rows weigh the same and there is
    no interval. NaN if the rows left have fewer than two x.
    """
    rows = (estimates > 0) & (draws > 0).all(axis=1)
    logs = np.log(np.where(rows[:, None], draws, 1))
    varies = rows & (np.ptp(logs, axis=1) > 0)
    known = bool(varies.any())
    rows = varies if known else rows
    if len(np.unique(x[rows])) < 2:
        return Interval(math.nan, math.nan, math.nan)
    weights = 1 / logs[rows].var(axis=1) if known else np.ones(rows.sum())
    across = np.log(x[rows])
    across = across - np.average(across, weights=weights)
    # Least squares is linear in the heights: one row of factors serves all columns.
    factors = weights * across / (weights @ across**2)
    slope = float(factors @ np.log(estimates[rows]))
    if not known:
        return Interval(slope, math.nan, math.nan)
    return percentile_interval(slope, factors @ logs[rows])
