"""Is the mean of an estimator grad J? Along grad J and across it, with the power said.

Under "unbiased", the mean estimate has the component |grad J| along grad J and none
across it. Both are held against what chance would do, the reference's own included.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

from pgstudy.analysis.statistics.basics import CONFIDENCE, Array
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.statistics.variances import UNKNOWN, Reference

MARGIN = 0.1  # of |grad J|: the bias that a verdict rules out
ROUNDING = 1e-10  # of the variance: float32 leaves that across, where there is nothing


def along(estimates: Array, reference: Reference) -> Interval:
    """<mean estimate, grad J> / |grad J|^2, 1 if unbiased. estimates: [B, P].

    Student's interval if the reference is exact, else Fieller's (1954) for a ratio
    of two means that share the reference. NaN where grad J can't be told from 0, or
    no estimate differs.
    """
    toward = estimates @ reference.gradient
    covariance = np.zeros((2, 2))
    covariance[0, 0] = toward.var(ddof=1) / len(toward)
    if reference.estimates is not None:
        ends = np.stack([estimates.mean(0), 2 * reference.gradient], 1)
        shared = (reference.estimates @ ends).T
        covariance += np.cov(shared) / len(reference.estimates)
    below = reference.square.estimate
    if not (below > 0 and covariance[0, 0] > 0):
        return UNKNOWN
    return _fieller(float(toward.mean()), below, covariance, len(estimates) - 1)


def _fieller(above: float, below: float, covariance: Array, df: int) -> Interval:
    """The ratios rho for which above - rho below is within chance of 0."""
    t2 = scipy.special.stdtrit(df, (1 + CONFIDENCE) / 2) ** 2
    a = below**2 - t2 * covariance[1, 1]
    b = above * below - t2 * covariance[0, 1]
    c = above**2 - t2 * covariance[0, 0]
    if not a > 0:  # grad J may be 0: every ratio is possible
        return UNKNOWN
    half = math.sqrt(max(b * b - a * c, 0))
    return Interval(above / below, (b - half) / a, (b + half) / a)


class Across(NamedTuple):
    """|component of the mean estimate across grad J| / |grad J|.

    by_chance: the root of the mean square that noise alone puts there. The square is
    distributed as a scaled chi^2 with df degrees of freedom (Box 1954), its scale
    estimated from the batches: F. NaN where grad J has no room beside it.
    """

    share: float
    by_chance: float
    df: float
    batches: float

    def p(self) -> float:
        """Of "there is no component across"."""
        return float(scipy.stats.f.sf(self._ratio, self.df, self._df_below))

    def p_within(self, margin: float) -> float:
        """Of "the component is at least this share of |grad J|"."""
        return self._cdf(self.df * (margin / self.by_chance) ** 2)

    def bound(self, level: float) -> float:
        """The share that the component stays below with confidence 1 - level."""
        if math.isnan(self._ratio):
            return math.nan
        if self._cdf(0) <= level:
            return 0.0
        high = self.df * (1 + self._ratio)
        while self._cdf(high) > level:
            high *= 2
        found = scipy.optimize.brentq(lambda x: self._cdf(x) - level, 0, high)
        return float(self.by_chance * math.sqrt(found / self.df))

    def _cdf(self, noncentrality: float) -> float:
        if noncentrality == 0:
            return float(scipy.stats.f.cdf(self._ratio, self.df, self._df_below))
        return float(
            scipy.stats.ncf.cdf(self._ratio, self.df, self._df_below, noncentrality)
        )

    def without_noise(self) -> float:
        """The share, less what chance puts there on average."""
        return math.sqrt(max(self.share**2 - self.by_chance**2, 0))

    @property
    def _ratio(self) -> float:
        return (self.share / self.by_chance) ** 2 if self.by_chance > 0 else math.nan

    @property
    def _df_below(self) -> float:
        return self.df * (self.batches - 1)


def across(estimates: Array, reference: Reference) -> Across:
    """See `Across`. estimates: [B, P]."""
    nothing = Across(math.nan, math.nan, math.nan, len(estimates))
    norm = float(np.linalg.norm(reference.gradient))
    if not (norm > 0 and reference.square.estimate > 0):
        return nothing
    unit = reference.gradient / norm
    parts = (
        [estimates] if reference.estimates is None else [estimates, reference.estimates]
    )
    spread = np.concatenate([_of_mean(_beside(part, unit)) for part in parts])
    total = float((spread**2).sum())
    noise = float(estimates.var(0, ddof=1).sum()) / len(estimates)
    if total <= ROUNDING * noise:
        return nothing
    narrow = spread if len(spread) < spread.shape[1] else spread.T
    df = total**2 / float(((narrow @ narrow.T) ** 2).sum())
    size = math.sqrt(reference.square.estimate)
    apart = float(np.linalg.norm(_beside(estimates.mean(0), unit)))
    return Across(apart / size, math.sqrt(total) / size, df, len(estimates))


def _beside(vectors: Array, unit: Array) -> Array:
    """Their components at right angles to a unit vector. [..., P] -> [..., P]."""
    beside: Array = vectors - (vectors @ unit)[..., None] * unit
    return beside


def _of_mean(sample: Array) -> Array:
    """Rows whose squares add up to the covariance of the sample's mean."""
    count = len(sample)
    rows: Array = (sample - sample.mean(0)) / math.sqrt(count * (count - 1))
    return rows
