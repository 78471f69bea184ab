"""How probable it is that a run of one cell ends above a run of another one.

P(X > Y) + P(X = Y) / 2 is Mann and Whitney's U over n m (Agarwal et al. 2021). Only the
order of the values counts, so that -inf may stand for a run that failed.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats

from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.statistics.intervals import TAIL, Interval

Side = Literal["greater", "less"]
LARGEST = 625  # n m up to which the distribution of U is exact
LOGITS = np.linspace(-9, 9, 181)  # of theta; 0 is among them


class RankTests(NamedTuple):
    """One-sided p of "both are alike" against X above Y, and against X below Y."""

    above: float
    below: float


class Tails(NamedTuple):
    """P(U >= u) and P(U <= u) for each theta and u: [thetas, n m + 1]."""

    above: Array
    below: Array


def wins(one: Array, two: Array) -> float:
    """U: the pairs in which one's run is above two's, of equal ones half. [n], [m]."""
    # Not by the sign of the difference: -inf less -inf is NaN.
    column = one[:, None]
    return float(((column > two) + 0.5 * (column == two)).sum())


def probability_of_improvement(one: Array, two: Array) -> Interval:
    """P(X > Y) + P(X = Y) / 2 of a run X of one, [n], and a run Y of two, [m].

    The interval inverts the exact rank test in Lehmann's family and in its mirror image
    (survival functions, or distribution functions, are powers of each other), and takes
    the wider of both; so it excludes 1/2 just where the exact test does. Ties count as
    if they were broken the unfavourable way. Beyond n m = 625: Newcombe (2006),
    method 5. NaN if n or m is below 2.
    """
    n, m = len(one), len(two)
    if min(n, m) == 0:
        return Interval(math.nan, math.nan, math.nan)
    u = wins(one, two)
    estimate = u / (n * m)
    if min(n, m) < 2:
        return Interval(estimate, math.nan, math.nan)
    if n * m > LARGEST:
        return Interval(
            estimate, _score(estimate, n, m), 1 - _score(1 - estimate, n, m)
        )
    low, high = math.floor(u), n * m - math.ceil(u)
    return Interval(estimate, _lower(n, m)[low], 1 - _lower(m, n)[high])


def rank_tests(one: Array, two: Array) -> RankTests:
    """Mann and Whitney's test, exact up to n m = 625; NaN if n or m is below 2."""
    n, m = len(one), len(two)
    if min(n, m) < 2:
        return RankTests(math.nan, math.nan)
    if n * m > LARGEST:
        # ranks, since scipy knows no -inf
        ranks = scipy.stats.rankdata(np.concatenate([one, two]))
        x, y = ranks[:n], ranks[n:]
        return RankTests(_asymptotic(x, y, "greater"), _asymptotic(x, y, "less"))
    u, alike = wins(one, two), len(LOGITS) // 2
    tails = lehmann(n, m)
    return RankTests(
        float(tails.above[alike, math.floor(u)]),
        float(tails.below[alike, math.ceil(u)]),
    )


def _asymptotic(one: Array, two: Array, side: Side) -> float:
    test = scipy.stats.mannwhitneyu(one, two, alternative=side, method="asymptotic")
    return float(test.pvalue)


@functools.lru_cache(maxsize=32)
def lehmann(n: int, m: int) -> Tails:
    """Tails of U at each of LOGITS, if Y's hazard is theta / (1 - theta) times X's.

    From the smallest value on, with a and b still to come, the next is an X with
    probability a / (a + b hazard); a Y there is below all a.
    """
    hazard = np.exp(LOGITS)[:, None]
    size = n * m + 1
    nothing = np.zeros((len(LOGITS), size))
    nothing[:, 0] = 1
    before = [nothing] * (m + 1)  # no X to come: U has its value
    for a in range(1, n + 1):
        row = [nothing]
        for b in range(1, m + 1):
            next_is_x = a / (a + b * hazard)
            shifted = np.zeros_like(nothing)
            shifted[:, a:] = row[b - 1][:, : size - a]
            row.append(next_is_x * before[b] + (1 - next_is_x) * shifted)
        before = row
    below = before[m].cumsum(axis=1)
    above = before[m][:, ::-1].cumsum(axis=1)[:, ::-1]
    return Tails(above, below)


@functools.lru_cache(maxsize=64)
def _lower(n: int, m: int) -> list[float]:
    """The lower bound for each whole u: P(U >= u) is 2.5 % there."""
    # X below -Y is the same event: the mirror image has hazards of the negatives
    tails = lehmann(n, m).above, lehmann(m, n).above
    bounds = []
    for u in range(n * m + 1):
        logits = [
            np.interp(TAIL, tail[:, u], LOGITS, -np.inf, np.inf) for tail in tails
        ]
        bounds.append(float(scipy.stats.logistic.cdf(min(logits))) if u else 0.0)
    return bounds


def _score(estimate: float, n: int, m: int) -> float:
    """Lower bound by Newcombe's (2006) method 5, from the variance at the bound."""
    z, half = scipy.stats.norm.ppf(1 - TAIL), (n + m) / 2 - 1

    def excess(theta: float) -> float:
        apart = (1 - theta) / (2 - theta) + theta / (1 + theta)
        variance = theta * (1 - theta) * (1 + half * apart) / (n * m)
        return estimate - theta - z * math.sqrt(variance)

    if estimate == 0:
        return 0.0
    return float(scipy.optimize.brentq(excess, 0.0, estimate))
