"""Statistics of gradient estimates [B, P] at a policy: how much, how far, how seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.stats

from pgstudy.analysis.comparisons import Interval
from pgstudy.analysis.statistics import BOOTSTRAP_SEED, CONFIDENCE, Array

RESAMPLES = 1000
HIGH = (1 + CONFIDENCE) / 2


@dataclass(frozen=True)
class Reference:
    """grad J [P], exact, or the mean of G independent estimates of it [G, P]."""

    gradient: Array
    kind: str
    estimates: Array | None = None

    @classmethod
    def sampled(cls, estimates: Array, kind: str) -> Reference:
        """The mean of independent unbiased estimates, [G, P]."""
        return cls(estimates.mean(0), kind, estimates)

    @cached_property
    def variance(self) -> float:
        """Trace of the covariance of `gradient`; 0 if it is exact."""
        if self.estimates is None:
            return 0.0
        return float(self.estimates.var(0, ddof=1).sum()) / len(self.estimates)

    @cached_property
    def square(self) -> Interval:
        """|grad J|^2 without the bias of noise, and its interval; no width if exact."""
        whole = float(self.gradient @ self.gradient)
        if self.estimates is None:
            return Interval(whole, whole, whole)
        slopes, count = 2 * self.estimates @ self.gradient, len(self.estimates)
        half = scipy.stats.t.ppf(HIGH, count - 1) * slopes.std(ddof=1) / count**0.5
        square = whole - self.variance
        return Interval(square, square - float(half), square + float(half))

    @property
    def norm(self) -> float:
        """|grad J|; 0 where noise hides it."""
        return math.sqrt(max(self.square.estimate, 0.0))


def ratio(one: Interval, two: Interval) -> Interval:
    """one / two of independent positive quantities, by their logarithms.

    The distances to the bounds add as squares (Zou & Donner 2008). Bounds are 0 or
    infinite where one of two's, or one's lower one, is not above 0.
    """
    if not (one.estimate > 0 and two.estimate > 0):
        return Interval(math.nan, math.nan, math.nan)
    found = one.estimate / two.estimate
    down = math.hypot(_log(one.estimate, one.low), _log(two.high, two.estimate))
    up = math.hypot(_log(one.high, one.estimate), _log(two.estimate, two.low))
    return Interval(found, found * math.exp(-down), found * _exp(up))


def _log(high: float, low: float) -> float:
    return (
        math.log(high / low) if low > 0 else math.nan if math.isnan(low) else math.inf
    )


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else value * math.inf


def skewed_mean(values: Array) -> Interval:
    """The mean, with Hall's (1992) interval for skewed data. values: [B]."""
    count, mean = len(values), float(values.mean())
    spread = float(values.std())
    if not spread > 0:
        return Interval(mean, mean, mean)
    skew = float(((values - mean) ** 3).mean()) / spread**3 / count**0.5
    quantile = float(scipy.stats.norm.ppf(HIGH))
    high, low = (_untransformed(z, skew) for z in (-quantile, quantile))
    error = spread / (count - 1) ** 0.5
    return Interval(mean, mean - low * error, mean - high * error)


def _untransformed(z: float, skew: float) -> float:
    """The t whose transform is z; skew: the skewness over the root of the count."""
    if abs(skew) < 1e-6:
        return z
    return float(3 / skew * (np.cbrt(1 + skew * (z - skew / 6)) - 1))


class Noise:
    """The spread of B estimates [B, P] of one estimator, and where they point.

    variance: trace of the covariance, with Hall's interval. variances: bootstrap draws
    of it, [R], for the slope; the same picks for every estimator.
    """

    def __init__(self, estimates: Array, reference: Reference) -> None:
        self.estimates, self._reference = estimates, reference
        count = len(estimates)
        self._mean = estimates.mean(0)
        # a deviation of Bessel's: their mean is the trace of the covariance
        self.deviations = ((estimates - self._mean) ** 2).sum(1) * count / (count - 1)
        self.variance = skewed_mean(self.deviations)

    @cached_property
    def _picks(self) -> Array:
        """How often each batch is drawn in each resample: [R, B]."""
        count, generator = len(self.estimates), np.random.default_rng(BOOTSTRAP_SEED)
        picks = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)
        return picks.astype(np.float64)

    @cached_property
    def variances(self) -> Array:
        """See the class."""
        count = len(self.estimates)
        apart = self.estimates - self._mean
        means = self._picks @ apart / count
        squares = self._picks @ (apart**2).sum(1) / count - (means**2).sum(1)
        draws: Array = np.maximum(squares, 0) * count / (count - 1)
        return draws

    def over(self, other: Noise) -> Interval:
        """Its variance over that of another estimator on the same batches, paired."""
        one, two = self.variance.estimate, other.variance.estimate
        if not (one > 0 and two > 0):
            return Interval(math.nan, math.nan, math.nan)
        pairs = self.deviations / one - other.deviations / two
        critical = scipy.stats.t.ppf(HIGH, len(pairs) - 1)
        half = critical * pairs.std(ddof=1) / len(pairs) ** 0.5
        return Interval(one / two, *(one / two * np.exp([-half, half])).tolist())

    def row(self, n: int, env_steps: float) -> dict[str, Any]:
        """Columns of the table for batches of n trajectories."""
        reference, count = self._reference, len(self.estimates)
        variance = self.variance.estimate
        apart = float(np.linalg.norm(self._mean - reference.gradient))
        scale = ratio(self.variance, reference.square)
        cosine = self._cosine()
        return {
            "batches": count,
            "env_steps": env_steps,
            **columns("variance", self.variance),
            "bias": apart,
            "bias_by_chance": math.sqrt(variance / count + reference.variance),
            **columns("cosine", cosine),
            "signal_to_noise": _over(reference.norm, variance**0.5),
            **columns("noise_scale", Interval(*(n * value for value in scale))),
            "zero_share": float((self.estimates == 0).all(1).mean()),
            "variance_x_cost": variance * env_steps,
        }

    def _cosine(self) -> Interval:
        """Mean over the estimates that are not 0, to the reference; bootstrapped."""
        along = self.estimates @ self._reference.gradient
        norms = np.linalg.norm(self.estimates, axis=1)
        norms = norms * np.linalg.norm(self._reference.gradient)
        present = norms > 0
        if not present.any():
            return Interval(math.nan, math.nan, math.nan)
        cosines = np.divide(along, norms, np.zeros(len(along)), where=present)
        total, counts = self._picks @ cosines, self._picks @ present
        draws = total[counts > 0] / counts[counts > 0]
        low, high = np.quantile(draws, [1 - HIGH, HIGH])
        return Interval(float(cosines[present].mean()), float(low), float(high))


def columns(name: str, found: Interval) -> dict[str, float]:
    """An estimate and its bounds, as columns of a table."""
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}


def _over(one: float, two: float) -> float:
    return one / two if two > 0 else math.nan
