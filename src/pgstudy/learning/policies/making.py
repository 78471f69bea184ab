"""An untrained policy from its specification, and a saved one from its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.environments.spaces import Continuous, Layout
from pgstudy.learning.policies.distributions import (
    Categorical,
    DiagonalGaussian,
    Policy,
)
from pgstudy.learning.policies.networks import Network
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.parameters import Parameters, initial_layers
from pgstudy.learning.specification import PolicySpecification


def make_policy(
    layout: Layout, specification: PolicySpecification, generator: np.random.Generator
) -> Categorical | DiagonalGaussian:
    """The untrained policy. One on one-hot inputs without hidden layers is a table."""
    sizes = (layout.inputs, *specification.hidden, layout.actions.size)
    bias = bool(specification.hidden) or not layout.one_hot
    values = initial_layers(sizes, bias, specification.init, generator)
    if specification.initial_probabilities is not None:
        start = np.log(specification.initial_probabilities)
        values[list(values)[-1]][:] = start - start.mean()  # the bias, or the table
    continuous = isinstance(layout.actions, Continuous)
    if continuous:
        shape = (1, layout.actions.size)
        values["log_std"] = np.full(shape, specification.log_std, np.float32)
    parameters = Parameters(values)
    normaliser = None
    if specification.normalise_observations:
        normaliser = Normaliser(layout.inputs)
    network = Network(parameters, specification.activation, normaliser)
    if continuous:
        return DiagonalGaussian(parameters, network, normaliser)
    return Categorical(parameters, network, normaliser, layout.actions.size)


def saved(policy: Policy) -> dict[str, torch.Tensor]:
    """Everything that makes the policy what it is, by name; copies."""
    state = dict(policy.parameters.tensors)
    if policy.normaliser is not None:
        state |= policy.normaliser.saved()
    return {name: value.detach().clone() for name, value in state.items()}


def load(policy: Policy, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """The inverse of `saved`, for a policy of the same specification.

    Errors: KeyError, ValueError if the arrays are another policy's.
    """
    for name, values in policy.parameters.arrays.items():
        values[:] = arrays[name]
    if policy.normaliser is not None:
        policy.normaliser.load(arrays)
