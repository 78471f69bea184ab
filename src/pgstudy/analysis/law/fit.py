"""The law of the trade-off: S(N) = S_min + E_min / N updates to a threshold.

McCandlish et al. (2018), equations 2.11 and 2.12, for steepest ascent with the best
learning rate at each N. With E(N) = N S(N) trajectories it is the hyperbola
(S / S_min - 1)(E / E_min - 1) = 1, and E_min / S_min is the critical N, at which both
are twice what they can be at best.

It is fitted to the mean updates as a generalised linear model of gamma distributed
values; see `censored` for runs that have not arrived at their cap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

from pgstudy.analysis.law.censored import (
    CLOSE,
    SMALLEST,
    STEPS,
    Point,
    Runs,
    common_shape,
    completed,
    counted,
    first_means,
    free_means,
    log_likelihood,
)
from pgstudy.analysis.statistics.basics import BOOTSTRAP_SEED, Array
from pgstudy.analysis.statistics.intervals import TAIL, Interval, percentile_interval

DRAWS = 2000
BEYOND = 1.6  # a curve goes on beyond its points by this factor


class Law(NamedTuple):
    """S_min in updates, 0 where they do not stop falling; E_min in trajectories."""

    s_min: float
    e_min: float

    @property
    def critical_n(self) -> float:
        """The N at which updates and trajectories are twice their least."""
        return self.e_min / self.s_min if self.s_min else math.inf

    def updates(self, n: Array) -> Array:
        """S(N)."""
        return self.s_min + self.e_min / n

    def curve(self, counts: Array, steps: int) -> Array:
        """N over the range of counts and a little beyond, its updates and trajectories:
        [3, steps].
        """
        n = np.geomspace(counts.min() / BEYOND, counts.max() * BEYOND, steps)
        updates = self.updates(n)
        return np.array([n, updates, n * updates])


class Fit(NamedTuple):
    """The law with intervals, and the mean updates at each N, fitted one by one.

    p: of the law, against means that are free at each N, by the likelihood ratio.
    """

    law: Law
    s_min: Interval
    e_min: Interval
    critical_n: Interval
    updates: list[Interval]
    p: float


def fit(points: Sequence[Point]) -> Fit:
    """Fit the law to two or more values of N.

    The intervals are percentile bootstraps over the runs, and over the tuning runs that
    chose the learning rates: a choice that differs would have cost what the tuning runs
    say, so the best learning rate may be that much better than the chosen one.
    """
    shape = common_shape(points)
    seen = counted([point.updates[None] for point in points], points, shape)
    s_min, e_min = _law(seen)
    law, free = Law(float(s_min[0]), float(e_min[0])), free_means(seen)
    draws = _draws(points, shape)
    s, e = _law(draws)
    with np.errstate(divide="ignore"):
        critical = e / s
    # infinite draws can't be interpolated
    interval = percentile_interval if np.isfinite(critical).all() else _between
    every = free_means(draws).T
    means = zip(free[0], every, strict=True)
    return Fit(
        law,
        percentile_interval(law.s_min, s),
        percentile_interval(law.e_min, e),
        interval(law.critical_n, critical),
        [_between(float(mean), drawn) for mean, drawn in means],
        _p_value(seen, law, free[0]),
    )


def _between(estimate: float, drawn: Array) -> Interval:
    """The percentile interval, whose ends may be infinite: it is two of the draws."""
    low, high = np.quantile(drawn, [TAIL, 1 - TAIL], method="inverted_cdf")
    return Interval(estimate, float(low), float(high))


def _draws(points: Sequence[Point], shape: float) -> Runs:
    """The runs drawn again, and scaled by what another choice would have gained.

    One run less than there are is drawn, since drawing as many makes intervals too
    narrow by the root of (runs - 1) / runs.
    """
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    drawn, gains = [], []
    for point in points:
        count = len(point.updates)
        picks = generator.integers(count, size=(DRAWS, max(1, count - 1)))
        drawn.append(point.updates[picks])
        gains.append(_gains(point.tried, generator))
    runs = counted(drawn, points, shape)
    factors = np.array(gains).T
    return runs._replace(mean=runs.mean * factors, cap=runs.cap * factors)


def _gains(tried: Array, generator: np.random.Generator) -> Array:
    """Mean updates of the chosen learning rate over those of one chosen on tuning runs
    that are drawn again: [DRAWS], at most 1.
    """
    if len(tried) < 2:
        return np.ones(DRAWS)
    rates, seeds = tried.shape
    picks = generator.integers(seeds, size=(DRAWS, rates, seeds))
    drawn = np.take_along_axis(tried[None], picks, axis=2).mean(2)
    means = tried.mean(1)
    return np.asarray(means.min() / means[drawn.argmin(1)])


def _law(runs: Runs) -> tuple[Array, Array]:
    """S_min and E_min of the largest likelihood in each draw: [D], [D].

    Fisher's scoring: least squares of the means on 1 and 1/N, weighted by the inverse
    of their variance, runs x shape / mean^2.
    """
    x, means = 1 / runs.n, first_means(runs)
    counts = (runs.arrived + runs.others) * runs.shape
    for _ in range(STEPS):
        weights, y = counts / means**2, completed(runs, means)
        total = weights.sum(1)
        x_mean, y_mean = (weights * x).sum(1) / total, (weights * y).sum(1) / total
        across = x - x_mean[:, None]
        e_min = (weights * across * y).sum(1) / (weights * across**2).sum(1)
        s_min = y_mean - e_min * x_mean
        alone = (weights * x * y).sum(1) / (weights * x**2).sum(1)  # without S_min
        e_min = np.where(s_min < SMALLEST, alone, e_min)
        s_min = np.where(e_min < SMALLEST, y_mean, np.maximum(s_min, SMALLEST))
        e_min = np.maximum(e_min, SMALLEST)
        before, means = means, s_min[:, None] + e_min[:, None] * x
        if (abs(means / before - 1) < CLOSE).all():
            break
    return np.where(s_min <= SMALLEST, 0.0, s_min), e_min


def _p_value(runs: Runs, law: Law, free: Array) -> float:
    if len(free) < 3:
        return math.nan
    ratio = 2 * (log_likelihood(runs, free) - log_likelihood(runs, law.updates(runs.n)))
    return float(scipy.stats.chi2.sf(max(0.0, ratio), len(free) - 2))
