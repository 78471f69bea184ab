"""When a run has reached its environment's threshold, and how long a cell's runs took.

A run has reached it at the end of the first update at which the mean return of its last
256 trajectories is there: as many at every N of the environment, so that no N is judged
by a noisier mean. The window ends with the update, so the time is late rather than
early. `python -m benchmarks.thresholds` measures how often the policy is still below
the threshold when the rule fires.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.tables.histories import History

RULE = (
    "A run reaches the threshold at the end of the first update at which the mean "
    "return of its last 256 trajectories (or N, if that is more) is there; on the "
    "corridor, by the exact return, the policy was still below then in 3 to 7 % of "
    "runs. The time to it is in environment steps, or episodes, as the curves. "
    "Runs that never reach it, or are shorter, count as never in the median; for the "
    "restricted mean every time is cut at what all finished runs have."
)
TRAJECTORIES = 256  # of the window; whole updates, at least one of the largest N


def window(counts: Iterable[int]) -> int:
    """Trajectories of the window in an environment whose cells have these N."""
    return max(TRAJECTORIES, *counts)


def reached_at(threshold: float, history: History | None, updates: int) -> float:
    """Steps or episodes until the mean of a window is at the threshold; inf for never.

    updates: the window's. A run that did not finish, or is shorter than the window,
    never got there.
    """
    if history is None or len(history.returns) < updates:
        return math.inf
    n = np.ones(len(history.returns)) if history.n is None else history.n
    sums, counts = (
        np.concatenate([[0.0], values.cumsum()]) for values in (n * history.returns, n)
    )
    means = (sums[updates:] - sums[:-updates]) / (counts[updates:] - counts[:-updates])
    found = np.flatnonzero(means >= threshold)
    return float(history.ends[updates - 1 + found[0]]) if len(found) else math.inf


def restricted_mean(times: Array, cap: float) -> Interval:
    """Mean of the times, [n], each cut at a cap that all runs share; a t interval.

    The restricted mean of survival analysis (Royston & Parmar 2013).
    """
    return intervals.mean([np.minimum(times, cap)])
