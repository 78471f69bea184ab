"""A policy's network as torch itself would have made it."""

from __future__ import annotations

import copy
from collections import OrderedDict

import torch

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.networks import Network
from pgstudy.learning.policies.normaliser import LIMIT, Normaliser
from pgstudy.learning.policies.own_network import OwnNetwork
from pgstudy.learning.specification import Activation

Named = list[tuple[str, torch.nn.Module]]
ACTIVATIONS: dict[Activation, type[torch.nn.Module]]
ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
OBSERVATIONS = "observations"  # the module that standardises them
OWN = "network"  # that of a user's own


class Standardise(torch.nn.Module):
    """clip((x - mean) scale, -LIMIT, LIMIT), as `Normaliser`: [..., d] -> float32."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, normaliser: Normaliser) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(normaliser.mean))
        self.register_buffer("scale", torch.tensor(normaliser.scale))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """In float64, as observations may lie far from 0."""
        return ((inputs - self.mean) * self.scale).clamp(-LIMIT, LIMIT).float()


def sequential(policy: Policy, activation: Activation) -> torch.nn.Sequential:
    """A copy: modules "0", "1", ..., and before them one that standardises, if any.

    Of a network of a user's own, the module itself as `OWN`.
    """
    if isinstance(policy.network, OwnNetwork):
        named = _own(policy.network)
    else:
        named = _layers(policy, policy.network, activation)
    if policy.normaliser is not None:
        named.insert(0, (OBSERVATIONS, Standardise(policy.normaliser)))
    return torch.nn.Sequential(OrderedDict(named))


def _own(network: OwnNetwork) -> Named:
    shaped: Named = [("shape", torch.nn.Unflatten(-1, network.shape))]
    return [*shaped, (OWN, copy.deepcopy(network.module))]


def _layers(policy: Policy, network: Network, activation: Activation) -> Named:
    modules: list[torch.nn.Module] = []
    arrays = policy.parameters.arrays
    for weight, bias in network.names:
        if modules:
            modules.append(ACTIVATIONS[activation]())
        modules.append(_linear(arrays[weight], arrays.get(bias)))
    return [(str(i), module) for i, module in enumerate(modules)]


def _linear(weight: Floats, bias: Floats | None) -> torch.nn.Linear:
    """A layer y = x weight + bias: [inputs, outputs], and [1, outputs]."""
    inputs, outputs = weight.shape
    # no memory yet: torch would draw weights from its generator, which is the user's
    linear = torch.nn.Linear(inputs, outputs, bias is not None, device="meta")
    state = {"weight": torch.tensor(weight.T.copy())}
    if bias is not None:
        state["bias"] = torch.tensor(bias[0])
    linear.load_state_dict(state, assign=True)
    return linear


def log_std(policy: Policy) -> torch.Tensor | None:
    """A copy of that of continuous actions: [k]."""
    found = policy.parameters.arrays.get("log_std")
    return None if found is None else torch.tensor(found[0])
