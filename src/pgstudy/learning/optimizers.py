"""Gradient ascent, in place: rollouts read the parameters' memory through numpy.

torch.optim is not used: constructing an optimiser costs a second of imports in every
training process. A test holds Adam to torch.optim.Adam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from pgstudy.learning.specification import OptimizerSpecification


class Ascent(Protocol):
    """One step uphill along an estimate of grad J."""

    def step(self, gradients: Sequence[torch.Tensor], alpha: float) -> None:
        """Move the parameters; gradients have the shapes of the parameters."""


class GradientAscent:
    """theta <- theta + alpha grad J(theta), and nothing else."""

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self._parameters = parameters

    @torch.no_grad()
    def step(self, gradients: Sequence[torch.Tensor], alpha: float) -> None:
        """See `Ascent.step`."""
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.add_(gradient, alpha=alpha)


class Adam:
    """Kingma & Ba (2015), Algorithm 1, uphill, with the paper's defaults."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self._parameters = parameters
        self._first = [torch.zeros_like(p) for p in parameters]
        self._second = [torch.zeros_like(p) for p in parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[torch.Tensor], alpha: float) -> None:
        """See `Ascent.step`."""
        self._steps += 1
        first_scale = 1 - self.BETA1**self._steps
        second_scale = 1 - self.BETA2**self._steps
        for parameter, gradient, first, second in zip(
            self._parameters, gradients, self._first, self._second, strict=True
        ):
            first.lerp_(gradient, 1 - self.BETA1)
            second.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
            deviation = (second / second_scale).sqrt_().add_(self.EPSILON)
            parameter.addcdiv_(first, deviation, value=alpha / first_scale)


def make_optimizer(
    specification: OptimizerSpecification, parameters: Sequence[torch.Tensor]
) -> Ascent:
    """The optimiser that a specification names, for these parameters."""
    kinds: dict[str, type[GradientAscent | Adam]] = {
        "sgd": GradientAscent,
        "adam": Adam,
    }
    return kinds[specification.name](parameters)
