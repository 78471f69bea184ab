"""Baselines that are means of earlier batches. All are unbiased: they never hold the
credits that they are subtracted from. Trajectories that have ended count with 0 to go.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.rollouts.batch import Batch


class _Memory(abc.ABC):
    """Between two updates its state is what it remembers."""

    def state(self) -> dict[str, Array | Floats]:
        """See `Trainer.state`."""
        return self.saved()

    def restore(self, saved: Mapping[str, npt.NDArray[Any]]) -> None:
        """The inverse of `state`."""
        self.load(saved)

    @abc.abstractmethod
    def saved(self) -> dict[str, Array | Floats]:
        """See `StepWeights`."""

    @abc.abstractmethod
    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `StepWeights`."""


class RunningMean(_Memory):
    """b_t = mean of C_jt over all trajectories of earlier batches; 0 before any.

    With a `decay` D, a trajectory weighs D^k once k later batches have been seen. The
    weighted sum is divided by the sum of the weights, so the first batches count whole.
    """

    def __init__(self, decay: float | None = None) -> None:
        self._decay = 1.0 if decay is None else decay
        self._sums: Array = np.zeros((1, 1))
        self._count = 0.0

    def __call__(self, credit: Array, batch: Batch) -> Array:
        """credit: [1 or T, N] -> [1 or T, 1]; then it is remembered."""
        steps, n = credit.shape
        self._sums = np.pad(self._sums, ((0, max(0, steps - len(self._sums))), (0, 0)))
        baseline = self._sums[:steps] / (self._count or 1)
        self._sums *= self._decay
        self._sums[:steps] += credit.sum(1, keepdims=True)
        self._count = self._decay * self._count + n
        return baseline

    def saved(self) -> dict[str, Array | Floats]:
        """See `StepWeights`: sums over trajectories [T, 1], and their weights' [1]."""
        count = np.array([self._count], np.float64)
        return {"baseline.sums": self._sums.copy(), "baseline.count": count}

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `StepWeights`."""
        self._sums = arrays["baseline.sums"].copy()
        self._count = arrays["baseline.count"].item()


class WindowMean(_Memory):
    """b_t = mean of C_jt over the trajectories of the last K batches; 0 before any."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._sums: Array = np.zeros((1, 1))
        # one batch of nothing, until K others are there
        self._counts: Array = np.zeros(1)

    def __call__(self, credit: Array, batch: Batch) -> Array:
        """credit: [1 or T, N] -> [1 or T, 1]; then it is remembered."""
        steps, n = credit.shape
        longer = max(0, steps - self._sums.shape[1])
        sums = np.pad(self._sums, ((0, 1), (0, longer)))  # and a row for this batch
        totals = sums[:, :steps].sum(0, keepdims=True).T
        baseline: Array = totals / max(self._counts.sum(), 1)
        sums[-1, :steps] = credit.sum(1)
        self._sums = sums[-self._window :]
        self._counts = np.append(self._counts, n)[-self._window :]
        return baseline

    def saved(self) -> dict[str, Array | Floats]:
        """See `StepWeights`: a row of sums for each batch [K, T], and their N [K]."""
        return {
            "baseline.sums": self._sums.copy(),
            "baseline.counts": self._counts.copy(),
        }

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `StepWeights`."""
        self._sums = arrays["baseline.sums"].copy()
        self._counts = arrays["baseline.counts"].copy()


def running_mean(window: int | None, decay: float | None) -> RunningMean | WindowMean:
    """The baseline `running-mean`; without either, of all earlier batches."""
    return RunningMean(decay) if window is None else WindowMean(window)
