"""Where the variance of one trajectory's gradient comes from.

A one-way layout with random effects: B start states, G trajectories from each.
With g = sum_t g_t, where g_t is 0 after a trajectory's end, and tr the trace,

    tr Var(g) = tr Var(E[g | s_0]) + E[tr Var(g | s_0)]         between, within starts
    tr Var(g | s_0) = sum_t tr Var(g_t | s_0) + sum_{t != t'} tr Cov(g_t, g_t' | s_0)

All estimates are unbiased, so those of what is small or 0 may be below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.statistics.variances import columns, skewed_mean


class Start(NamedTuple):
    """What G trajectories from one start state say.

    mean: of their gradients, [P]; within: the trace of their covariance; steps: the sum
    over time steps of that of the steps' terms.
    """

    mean: Array
    within: float
    steps: float


def start(terms: Sequence[Array]) -> Start:
    """From the terms of each trajectory's steps, G times [T_i, P]; G >= 2."""
    gradients = np.array([of_steps.sum(0) for of_steps in terms])
    count = len(terms)
    sums = np.zeros((max(map(len, terms)), gradients.shape[1]))
    squares = 0.0
    for of_steps in terms:
        sums[: len(of_steps)] += of_steps
        squares += float((of_steps**2).sum())
    steps = (squares - float((sums**2).sum()) / count) / (count - 1)
    within = float(gradients.var(0, ddof=1).sum())
    return Start(gradients.mean(0), within, steps)


def by_source(starts: Sequence[Start], size: int) -> dict[str, float]:
    """Columns of the table, from B >= 2 starts with `size` trajectories each.

    With Hall's intervals for skewed data, over starts.
    """
    means = np.array([one.mean for one in starts])
    within, steps = (np.array([one[i] for one in starts]) for i in (1, 2))
    apart = ((means - means.mean(0)) ** 2).sum(1) * len(starts) / (len(starts) - 1)
    return {
        **columns("between_starts", skewed_mean(apart - within / size)),
        **columns("within_start", skewed_mean(within)),
        **columns("of_steps", skewed_mean(steps)),
        **columns("of_pairs", skewed_mean(within - steps)),
    }
