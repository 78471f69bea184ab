"""Rows of what was enumerated, and what they say of an estimator."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pgstudy.analysis.proofs.moments import moments
from pgstudy.analysis.proofs.problems import PROBLEMS, Problem
from pgstudy.learning.specification import EstimatorSpecification

SAMPLE_COUNTS = (1, 2, 3, 4)
EXACT = 1e-6  # what rounding leaves of a bias of nothing, as a share of |grad J|
PLAIN = EstimatorSpecification()  # total-return, whose variance others are measured by


@dataclass(frozen=True)
class Row:
    """An estimator's mean at N beside grad J.

    size: how much of grad J its mean has along grad J, 1 if unbiased. angle: between
    the two, in degrees; NaN if the mean is 0. variance_ratio: the trace of its
    covariance over that of total-return's. reason: why there is none; else "".
    """

    estimator: str
    problem: str
    n: int
    size: float = math.nan
    angle: float = math.nan
    variance_ratio: float = math.nan
    reason: str = ""

    @property
    def unbiased(self) -> bool:
        """Whether the mean is grad J, but for rounding."""
        return abs(self.size - 1) < EXACT and self.straight

    @property
    def straight(self) -> bool:
        """Whether the mean has the direction of grad J, or is 0."""
        return not self.angle >= math.degrees(EXACT)


def rows(estimators: Mapping[str, EstimatorSpecification]) -> list[Row]:
    """For each estimator, problem and N; an entropy bonus is not part of it."""
    return [
        _row(name, how, problem, n)
        for name, how in estimators.items()
        for problem in PROBLEMS
        for n in SAMPLE_COUNTS
    ]


def _row(name: str, how: EstimatorSpecification, problem: Problem, n: int) -> Row:
    # All trajectories of a problem begin in one state, so N of them are a group of N,
    # and the mean over several groups has the mean of one.
    alone = replace(how, trajectories_per_start=None)
    try:
        mean, variance = moments(alone, problem, n)
    except (Exception, SystemExit) as error:  # whatever a user's function raises
        return Row(name, problem.name, n, reason=str(error) or type(error).__name__)
    exact = problem.gradient(how.gamma)
    norm, found = np.linalg.norm(exact), np.linalg.norm(mean)
    along = float(mean @ exact)
    angle = math.nan
    if found > EXACT * norm:
        across = np.linalg.norm(mean / found - exact / norm)
        angle = math.degrees(2 * math.asin(min(1.0, float(across) / 2)))
    share = variance / _plain_variance(problem.name, n)
    size = along / float(norm) ** 2
    return Row(name, problem.name, n, size, angle, share)


@functools.cache
def _plain_variance(name: str, n: int) -> float:
    problem = next(problem for problem in PROBLEMS if problem.name == name)
    return moments(PLAIN, problem, n).variance


def verdict(rows: Sequence[Row]) -> str:
    """What the rows of one estimator say, in words.

    An N at which it exists on no problem, such as 1 with leave-one-out, is not named.
    """
    known = [row for row in rows if not row.reason]
    if not known:
        return f"could not be enumerated: {rows[0].reason}"
    counts = {row.n for row in known}
    failed = [row for row in rows if row.reason and row.n in counts]
    names = ", ".join(dict.fromkeys(row.problem for row in failed))
    rest = f"; not known on {names}: {failed[0].reason}" if failed else ""
    return _of_known(known) + rest


def _of_known(known: Sequence[Row]) -> str:
    if all(row.unbiased for row in known):
        return "unbiased"
    if all(row.straight for row in known):
        return f"biased in size: its mean is {_sizes(known)} of grad J"
    worst = max(known, key=lambda row: -1 if row.straight else row.angle)
    where = f"{worst.problem}, N = {worst.n}"
    return (
        f"biased in direction: by up to {worst.angle:.3g} degrees ({where}); "
        f"along grad J its mean is {_sizes(known)} of it"
    )


def _sizes(known: Sequence[Row]) -> str:
    """At each N where all problems agree; else from the least to the largest."""
    by_n = {row.n: {round(r.size, 6) for r in known if r.n == row.n} for row in known}
    if all(len(sizes) == 1 for sizes in by_n.values()):
        each = {n: sizes.pop() for n, sizes in by_n.items()}
        if len(set(each.values())) == 1:
            return f"{next(iter(each.values())):.3g}"
        return ", ".join(f"{size:.3g} (N = {n})" for n, size in each.items())
    least, most = (f(row.size for row in known) for f in (min, max))
    return f"{0 if abs(least) < EXACT else least:.3g} to {most:.3g}"
