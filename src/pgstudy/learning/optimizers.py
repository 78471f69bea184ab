"""Gradient ascent, in place: rollouts read the parameters' memory through numpy.

torch.optim is not used: constructing an optimiser costs a second of imports in every
training process. A test holds Adam to torch.optim.Adam.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.specification import OptimizerSpecification

AdamState = tuple[Floats, Floats, int]


class Ascent(Protocol):
    """One step uphill along an estimate of grad J."""

    def step(self, gradient: Floats, learning_rate: float) -> None:
        """Move the parameters; gradient: [P], as they are."""

    def state(self) -> Any:
        """What steps have changed, but for the parameters; see `Trainer.state`."""

    def restore(self, saved: Any) -> None:
        """The inverse of `state`."""


class GradientAscent:
    """theta <- theta + alpha grad J(theta), and nothing else. parameters: [P]."""

    def __init__(self, parameters: Floats) -> None:
        self._parameters = parameters

    def step(self, gradient: Floats, learning_rate: float) -> None:
        """See `Ascent.step`."""
        self._parameters += learning_rate * gradient

    def state(self) -> None:
        """It has none."""

    def restore(self, saved: None) -> None:
        """There is nothing to restore."""


class Adam:
    """Kingma & Ba (2015), Algorithm 1, uphill, with the paper's defaults."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Floats) -> None:
        self._parameters = parameters
        self._first = np.zeros_like(parameters)
        self._second = np.zeros_like(parameters)
        self._steps = 0

    def step(self, gradient: Floats, learning_rate: float) -> None:
        """See `Ascent.step`."""
        self._steps += 1
        self._first += (1 - self.BETA1) * (gradient - self._first)
        self._second += (1 - self.BETA2) * (gradient * gradient - self._second)
        scale = np.sqrt(self._second / (1 - self.BETA2**self._steps)) + self.EPSILON
        corrected = learning_rate / (1 - self.BETA1**self._steps)
        self._parameters += corrected * self._first / scale

    def state(self) -> AdamState:
        """See `Ascent.state`."""
        return self._first, self._second, self._steps

    def restore(self, saved: AdamState) -> None:
        """See `Ascent.restore`."""
        first, second, self._steps = saved
        self._first[:], self._second[:] = first, second


def make_optimizer(specification: OptimizerSpecification, parameters: Floats) -> Ascent:
    """The optimiser that a specification names, for these parameters: [P]."""
    return (
        Adam(parameters) if specification.name == "adam" else GradientAscent(parameters)
    )


def scheduled(specification: OptimizerSpecification, progress: float) -> float:
    """The learning rate when this share of the budget is spent."""
    if specification.schedule == "linear":
        return specification.learning_rate * (1 - progress)
    return specification.learning_rate
