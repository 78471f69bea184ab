"""An untrained policy from its specification, and a saved one from its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.environments.actions import Continuous, Kind, Several
from pgstudy.learning.environments.spaces import Floats, Layout
from pgstudy.learning.policies.distributions import (
    AnyNetwork,
    Categorical,
    DiagonalGaussian,
    Policy,
)
from pgstudy.learning.policies.networks import Network
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.own_network import OwnNetwork, make_module
from pgstudy.learning.policies.parameters import Parameters, initial_layers
from pgstudy.learning.policies.several import SeveralCategoricals
from pgstudy.learning.specification import PolicySpecification


def make_policy(
    layout: Layout, specification: PolicySpecification, generator: np.random.Generator
) -> Policy:
    """The untrained policy. One on one-hot inputs without hidden layers is a table.

    Errors: UnusableNetwork, UnusableEnvironment, if a user's own can't be made.
    """
    module = None
    if specification.network is not None:
        module = make_module(specification, layout, generator)
        every = module.named_parameters()
        values = {name: one.detach().numpy().copy() for name, one in every}
    else:
        values = _layers(layout, specification, generator)
    if isinstance(layout.actions, Continuous):
        shape = (1, layout.actions.size)
        values["log_std"] = np.full(shape, specification.log_std, np.float32)
    parameters, normaliser = Parameters(values), None
    if specification.normalise_observations:
        normaliser = Normaliser(layout.inputs)
    network: AnyNetwork
    if module is not None:
        network = OwnNetwork(module, parameters, layout, normaliser)
    else:
        network = Network(parameters, specification.activation, normaliser)
    return _with_actions(layout.actions, parameters, network, normaliser)


def _layers(
    layout: Layout, specification: PolicySpecification, generator: np.random.Generator
) -> dict[str, Floats]:
    """Initial parameters of the built-in network."""
    sizes = (layout.inputs, *specification.hidden, layout.actions.size)
    bias = bool(specification.hidden) or not layout.one_hot
    values = initial_layers(sizes, bias, specification.init, generator)
    if specification.initial_probabilities is not None:
        start = np.log(specification.initial_probabilities)
        values[list(values)[-1]][:] = start - start.mean()  # the bias, or the table
    return values


def _with_actions(
    actions: Kind,
    parameters: Parameters,
    network: AnyNetwork,
    normaliser: Normaliser | None,
) -> Policy:
    if isinstance(actions, Continuous):
        return DiagonalGaussian(parameters, network, normaliser)
    if isinstance(actions, Several):
        return SeveralCategoricals(parameters, network, normaliser, actions.sizes)
    return Categorical(parameters, network, normaliser, actions.size)


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
