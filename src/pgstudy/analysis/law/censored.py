"""Mean updates of runs of which some have not arrived at their cap.

Updates are taken to be gamma distributed, with one relative spread at all N. Then the
likelihood's estimate of a mean is the mean of the updates, where those that are not
known count as their expectation beyond the cap: the EM algorithm (Dempster et al.
1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special

from pgstudy.analysis.statistics.basics import Array

STEPS = 200  # of a fit; each is cheap, and few are needed where all runs arrive
CLOSE = 1e-9  # relative change at which a fit ends
SHAPES = 1e-2, 1e4  # a spread of 1,000 % and of 1 %
SMALLEST = 1e-3  # updates
FARTHEST = 1e3  # caps: nothing else bounds a mean where no run arrived


class Point(NamedTuple):
    """The runs at one N: their updates, [runs], each cut at the cap.

    tried: what the tuning runs took at each learning rate that was tried, [rates,
    seeds], cut likewise; without rows where nothing was tuned.
    """

    n: int
    updates: Array
    cap: float
    tried: Array


class Runs(NamedTuple):
    """What the likelihood needs of the runs at K values of N, in each of D draws."""

    n: Array  # [K]
    shape: float
    arrived: Array  # [D, K]
    mean: Array  # of those that arrived: [D, K]
    others: Array  # [D, K]
    cap: Array  # [D, K]


def counted(drawn: Sequence[Array], points: Sequence[Point], shape: float) -> Runs:
    """drawn: for each N, updates of [D, runs]."""
    arrived, means, others = [], [], []
    for updates, point in zip(drawn, points, strict=True):
        there = updates < point.cap
        arrived.append(there.sum(1))
        others.append((~there).sum(1))
        sums = np.where(there, updates, 0.0).sum(1)
        means.append(sums / np.maximum(there.sum(1), 1))
    caps = np.array([point.cap for point in points], float)
    return Runs(
        n=np.array([point.n for point in points], float),
        shape=shape,
        arrived=np.array(arrived, float).T,
        mean=np.array(means, float).T,
        others=np.array(others, float).T,
        cap=np.broadcast_to(caps, (len(arrived[0]), len(points))),
    )


def completed(runs: Runs, means: Array) -> Array:
    """Mean updates at each N: what did not arrive counts as its expectation: [D, K]."""
    if not runs.others.any():
        return runs.mean
    at = runs.shape * runs.cap / means
    beyond = np.maximum(scipy.special.gammaincc(runs.shape, at), 1e-300)
    expected = means * scipy.special.gammaincc(runs.shape + 1, at) / beyond
    expected = np.maximum(expected, runs.cap)
    total = runs.arrived * runs.mean + runs.others * expected
    return np.asarray(total / (runs.arrived + runs.others))


def first_means(runs: Runs) -> Array:
    """Where fits begin: the mean of those that arrived, or the cap: [D, K]."""
    there = runs.arrived > 0
    return np.where(there, np.maximum(runs.mean, SMALLEST), runs.cap)


def free_means(runs: Runs) -> Array:
    """The mean updates at each N alone: [D, K]; infinite where no run arrived."""
    means = first_means(runs)
    for _ in range(STEPS if runs.others.any() else 0):
        before, means = means, completed(runs, means)
        means = np.minimum(means, FARTHEST * runs.cap)  # where nothing else bounds it
        if (abs(means / before - 1) < CLOSE).all():
            break
    return np.where(runs.arrived > 0, means, np.inf)


def common_shape(points: Sequence[Point]) -> float:
    """Of the gamma distributions at all N: mean^2 / variance, from completed moments.

    One for all: that of each N alone would be noisy, and the law's weights with it.
    """
    shape, means = 4.0, np.array([point.updates.mean() for point in points])
    counts = np.array([len(point.updates) for point in points])
    for _ in range(STEPS):
        before = shape
        first, second = _moments(points, means, shape)
        means = first
        variances = (second - first**2) * counts / np.maximum(counts - 1, 1)
        spread = float((variances / first**2).mean())
        shape = min(max(1 / max(spread, 1 / SHAPES[1]), SHAPES[0]), SHAPES[1])
        if abs(shape / before - 1) < CLOSE:
            break
    return shape


def _moments(
    points: Sequence[Point], means: Array, shape: float
) -> tuple[Array, Array]:
    """Mean of the updates and of their squares at each N, expected beyond the cap."""
    rows = []
    for point, mean in zip(points, means, strict=True):
        arrived = point.updates[point.updates < point.cap]
        others = len(point.updates) - len(arrived)
        at = shape * point.cap / mean
        beyond = max(float(scipy.special.gammaincc(shape, at)), 1e-300)
        one = mean * scipy.special.gammaincc(shape + 1, at) / beyond
        two = (
            mean**2 * (1 + 1 / shape) * scipy.special.gammaincc(shape + 2, at) / beyond
        )
        one, two = (
            min(max(one, point.cap), FARTHEST * point.cap),
            max(two, point.cap**2),
        )
        sums = arrived.sum() + others * one, (arrived**2).sum() + others * two
        rows.append([total / len(point.updates) for total in sums])
    first, second = np.array(rows).T
    return first, second


def log_likelihood(runs: Runs, means: Array) -> float:
    """Up to what does not depend on the means: [K]."""
    means = np.minimum(means, FARTHEST * runs.cap)
    found = -runs.arrived * runs.shape * (np.log(means) + runs.mean / means)
    at = runs.shape * runs.cap / means
    beyond = np.maximum(scipy.special.gammaincc(runs.shape, at), 1e-300)
    return float((found + runs.others * np.log(beyond)).sum())
