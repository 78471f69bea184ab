"""An N that follows the noise of the gradient, from update to update.

The noise scale B = tr Sigma / |grad J|^2, with Sigma the covariance of one trajectory's
estimate, is the N at which noise and gradient are of one size (McCandlish et al. 2018).
N = R B gives all updates the same share of noise (cf. Papini et al. 2017, whose N comes
from a bound). Only earlier batches decide on N, so estimates stay unbiased.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from pgstudy.learning.estimators.gradients import gradient
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import (
    AdaptiveSpecification,
    EstimatorSpecification,
    RunSpecification,
)

SMOOTHING = 0.9  # what an update's measurement counts for one update later
GROWTH = 2  # the most that N grows by at once: one measurement may be far off


class NextBatch:
    """How many batches of the specification's N the next update takes: `count`.

    Always 1 for an estimator that does not adapt.
    """

    def __init__(self, specification: RunSpecification) -> None:
        self._how, self._n = specification.estimator, specification.n
        self._sums: Array = np.zeros(2)  # of trajectories, and of these times 1 / B
        self.count = 1

    def follow(self, policy: Policy, batch: Batch, weights: Array) -> float | None:
        """Learn from a batch of two or more and its weights [M]; see `measured`.

        None if N does not adapt.
        """
        if self._how.adaptive is None:
            return None
        own = contributions(policy, self._how, batch, weights)
        return self.measured(self._how.adaptive, len(own), *moments(own))

    def measured(
        self, how: AdaptiveSpecification, n: int, noise: float, square: float
    ) -> float:
        """Learn from tr Sigma and |grad J|^2 of a batch of n. Returns the noise scale
        so far, infinite where no gradient is told from noise.

        What is averaged is 1 / B, a batch's by its trajectories: sums of tr Sigma and
        |grad J|^2 would be those of the steepest policy for long after it.
        """
        if noise > 0:
            here = np.array([1.0, square / noise])
            self._sums = SMOOTHING * self._sums + n * here
        total, inverse = self._sums.tolist()
        scale = total / inverse if inverse > 0 else math.inf
        most = min(how.most // self._n, GROWTH * self.count)
        self.count = max(1, round(min(how.ratio * scale / self._n, most)))
        return scale

    def state(self) -> dict[str, Any]:
        """See `Trainer.state`."""
        return {"sums": self._sums, "count": self.count}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._sums, self.count = saved["sums"], saved["count"]


def contributions(
    policy: Policy, how: EstimatorSpecification, batch: Batch, weights: Array
) -> Array:
    """What each trajectory makes of the estimate, which is their mean: [N, P]."""
    trajectory = np.nonzero(batch.mask)[1]
    rows = np.split(trajectory.argsort(kind="stable"), batch.lengths.cumsum()[:-1])
    found = []
    for own in rows:
        steps = {"inputs": batch.inputs[own], "actions": batch.actions[own]}
        one = replace(batch, **steps, lengths=batch.lengths[:1])
        found.append(gradient(policy, how, one, weights[own]))
    return np.array(found, np.float64)


def moments(own: Array) -> tuple[float, float]:
    """tr Sigma and |grad J|^2, from what N >= 2 trajectories contribute: [N, P].

    Both are unbiased where trajectories are independent: the mean's own square has the
    expectation |grad J|^2 + tr Sigma / N.
    """
    n, mean = len(own), own.mean(0)
    noise = float(((own - mean) ** 2).sum()) / (n - 1)
    return noise, float(mean @ mean) - noise / n
