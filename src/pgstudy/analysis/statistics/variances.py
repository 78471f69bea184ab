"""Statistics of gradient estimates [B, P] at a policy: how much, how far, how seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.basics import CONFIDENCE, Array
from pgstudy.analysis.statistics.intervals import Interval

HIGH = (1 + CONFIDENCE) / 2
UNKNOWN = Interval(math.nan, math.nan, math.nan)


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
        half = scipy.special.stdtrit(count - 1, HIGH) * slopes.std(ddof=1) / count**0.5
        square = whole - self.variance
        return Interval(square, square - float(half), square + float(half))

    @property
    def norm(self) -> float:
        """|grad J|; 0 where noise hides it."""
        return math.sqrt(max(self.square.estimate, 0.0))


def ratio(one: Interval, two: Interval) -> Interval:
    """one / two of independent positive quantities, by their logarithms.

    Bounds are 0 or infinite where one of two's, or one's lower one, is not above 0.
    """
    if not (one.estimate > 0 and two.estimate > 0):
        return UNKNOWN
    with np.errstate(over="ignore"):
        return Interval(*np.exp(_of_logs(np.array([1.0, -1.0]), [one, two])).tolist())


def log_log_slope(x: Array, found: Sequence[Interval]) -> Interval:
    """Slope of the logarithms of independent quantities on log(x), both [K].

    Weighted by 1 / the squared distance of the logarithms to their lower bounds: those
    to the upper ones are largest where tails are heavy. A quantity without
    an interval that is finite and above 0 is left out, since its weight is not known;
    if none has one, all weigh the same and the slope has no interval. NaN if those
    left have fewer than two x.
    """
    table = np.array(found).reshape(-1, 3)
    estimates, lows, highs = table.T
    varies = (lows > 0) & (lows < estimates) & np.isfinite(highs)
    known = bool(varies.any())
    rows = varies if known else estimates > 0
    if len(np.unique(x[rows])) < 2:
        return UNKNOWN
    weights = (
        np.log(estimates[rows] / lows[rows]) ** -2 if known else np.ones(rows.sum())
    )
    across = np.log(x[rows])
    across = across - np.average(across, weights=weights)
    factors = weights * across / (weights @ across**2)
    slope = _of_logs(factors, table[rows])
    return slope if known else Interval(slope.estimate, math.nan, math.nan)


def _of_logs(factors: Array, parts: ArrayLike) -> Interval:
    """The sum of factors [K] times the logarithms of independent quantities [K, 3].

    The distances to the bounds add as squares (Zou & Donner 2008).
    """
    with np.errstate(divide="ignore"):  # no lower bound above 0: no lower bound
        logs, lows, highs = np.log(np.maximum(parts, 0.0)).T
    below, above = logs - lows, highs - logs
    down = np.where(factors > 0, below, above)
    up = np.where(factors > 0, above, below)
    found = float(factors @ logs)
    low, high = (float(np.linalg.norm(factors * apart)) for apart in (down, up))
    return Interval(found, found - low, found + high)


def skewed_mean(values: Array) -> Interval:
    """The mean, with Hall's (1992) interval for skewed data. values: [B].

    Equal values have none.
    """
    count, mean = len(values), float(values.mean())
    spread = float(values.std())
    if not spread > 0:
        return Interval(mean, math.nan, math.nan)
    skew = float(((values - mean) ** 3).mean()) / spread**3 / count**0.5
    quantile = float(scipy.special.ndtri(HIGH))
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

    variance: trace of the covariance, with Hall's interval.
    """

    def __init__(self, estimates: Array, reference: Reference) -> None:
        self.estimates, self._reference = estimates, reference
        count = len(estimates)
        self._mean = estimates.mean(0)
        # a deviation of Bessel's: their mean is the trace of the covariance
        self.deviations = ((estimates - self._mean) ** 2).sum(1) * count / (count - 1)
        self.variance = skewed_mean(self.deviations)

    def over(self, other: Noise) -> Interval:
        """Its variance over that of another estimator on the same batches, paired."""
        one, two = self.variance.estimate, other.variance.estimate
        if not (one > 0 and two > 0):
            return UNKNOWN
        pairs = self.deviations / one - other.deviations / two
        critical = scipy.special.stdtrit(len(pairs) - 1, HIGH)
        half = critical * pairs.std(ddof=1) / len(pairs) ** 0.5
        return Interval(one / two, *(one / two * np.exp([-half, half])).tolist())

    def row(self, n: int, env_steps: float) -> dict[str, Any]:
        """Columns of the table for batches of n trajectories."""
        reference, count = self._reference, len(self.estimates)
        variance = self.variance.estimate
        apart = float(np.linalg.norm(self._mean - reference.gradient))
        scale = ratio(self.variance, reference.square)
        return {
            "batches": count,
            "env_steps": env_steps,
            **columns("variance", self.variance),
            "bias": apart,
            "bias_by_chance": math.sqrt(variance / count + reference.variance),
            **columns("cosine", self.cosine),
            "signal_to_noise": _over(reference.norm, variance**0.5),
            **columns("noise_scale", Interval(*(n * value for value in scale))),
            "zero_share": float((self.estimates == 0).all(1).mean()),
            "variance_x_cost": variance * env_steps,
        }

    @property
    def cosine(self) -> Interval:
        """Mean over the estimates that are not 0, to the reference; Student's t.

        The reference counts as exact.
        """
        along = self.estimates @ self._reference.gradient
        norms = np.linalg.norm(self.estimates, axis=1)
        norms = norms * np.linalg.norm(self._reference.gradient)
        present = norms > 0
        return intervals.mean([along[present] / norms[present]])


def columns(name: str, found: Interval) -> dict[str, float]:
    """An estimate and its bounds, as columns of a table."""
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}


def _over(one: float, two: float) -> float:
    return one / two if two > 0 else math.nan
