"""A user's own network, by name: `network: "module:name"`.

A function or class `f(observation_space, action_space, outputs, **kwargs)` makes a
`torch.nn.Module`. It maps observations [M, *shape], as float32 and unscaled, to what
the policy needs, [M, outputs]: a logit for each action, or a mean for each dimension of
a continuous one. Discrete observations come one-hot, those of several parts flattened.

Its gradient is autograd's, one step of the rollout costs a call of the module: many
times what the built-in networks cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from pgstudy.learning.environments.actions import Finite
from pgstudy.learning.environments.registry import load_object
from pgstudy.learning.environments.spaces import Floats, Layout, Rows
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.parameters import Parameters
from pgstudy.learning.specification import PolicySpecification

BUILT_IN = {
    "convolutional": "pgstudy.learning.policies.convolutional:Convolutional",
}
"""Networks of this kind that come with pgstudy."""


class UnusableNetwork(ValueError):
    """A network that a study can't use; the message says why."""


class OwnNetwork:
    """A module as the network of a policy; see `networks.Network` for its methods.

    The module's parameters lie on the memory of `parameters`. shape: of an observation
    as the module is shown it.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        parameters: Parameters,
        layout: Layout,
        normaliser: Normaliser | None,
    ) -> None:
        self.module, self.normaliser = module, normaliser
        self._parameters = dict(module.named_parameters())
        self._gradients = parameters.gradients
        for name, one in self._parameters.items():
            one.data = torch.from_numpy(parameters.arrays[name])
            one.grad = torch.from_numpy(parameters.gradients[name])
            parameters.tensors[name] = one
        self.shape = observed(layout)

    def torch_outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Differentiable. [M, inputs] -> [M, outputs]."""
        rows = self.normaliser.torch_outputs(inputs) if self.normaliser else inputs
        outputs: torch.Tensor = self.module(rows.float().reshape(-1, *self.shape))
        return outputs

    def numpy_outputs(self, inputs: Rows) -> Floats:
        """[K, inputs] -> [K, outputs], a new array."""
        with torch.no_grad():
            found: Floats = self.torch_outputs(torch.from_numpy(inputs)).numpy()
        return found.copy()

    def in_place(self, rows: int) -> Callable[[Rows], Floats]:
        """The same, for the rollout."""
        return self.numpy_outputs

    def forward(self, inputs: Rows) -> tuple[Floats, Any]:
        """The outputs, and their graph, for `backward`."""
        outputs = self.torch_outputs(torch.from_numpy(inputs))
        return outputs.detach().numpy().copy(), outputs

    def backward(self, given: Any, outputs: Floats) -> None:
        """Write the gradient of a function of the outputs over that of before.

        outputs: its derivatives by each output, [M, outputs].
        """
        slopes = torch.from_numpy(np.ascontiguousarray(outputs))
        every = list(self._parameters.values())
        found = torch.autograd.grad(given, every, slopes, allow_unused=True)
        for name, one in zip(self._parameters, found, strict=True):
            self._gradients[name][:] = 0 if one is None else one.numpy()


def observed(layout: Layout) -> tuple[int, ...]:
    """The shape of an observation as a module is shown it."""
    plain = isinstance(layout.observations, spaces.Box | spaces.MultiBinary)
    return tuple(layout.observations.shape or ()) if plain else (layout.inputs,)


def make_module(
    specification: PolicySpecification, layout: Layout, generator: np.random.Generator
) -> torch.nn.Module:
    """The untrained module. Errors: UnusableNetwork, UnusableEnvironment."""
    place = specification.network or ""
    factory = load_object(BUILT_IN.get(place, place))
    # oneDNN's kernels differ with the processor; a convolution is then a product
    torch.backends.mkldnn.set_flags(False)  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.integers(2**63)))
        try:
            module = factory(*_given(layout), **(specification.kwargs or {}))
        except UnusableNetwork:
            raise
        except Exception as error:  # whatever a user's code raises
            reason = f"{type(error).__name__}: {error}"
            raise UnusableNetwork(f"it can't be made: {reason}") from error
    if not isinstance(module, torch.nn.Module):
        raise UnusableNetwork(f"it gives a {type(module).__name__}, no torch.nn.Module")
    return module.eval()


def _given(layout: Layout) -> tuple[Any, ...]:
    actions = layout.actions
    if isinstance(actions, Finite):
        space: Any = spaces.Discrete(actions.size, start=actions.start)
    else:
        space = actions.space
    return layout.observations, space, actions.size
