"""The policies of several runs at once, one product for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgstudy.learning.environments.spaces import Actions, Floats, Rows
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.networks import Network
from pgstudy.learning.policies.normaliser import standardised

Layers = Sequence[tuple[Floats, Floats | None]]


class Stack:
    """Copies of the policies of S runs, of one specification.

    `numpy.matmul` multiplies a stack one matrix after the other, each as it would be
    alone. So the actions of a run do not depend on which others are in the stack.
    """

    def __init__(self, policies: Sequence[Policy], n: int) -> None:
        first, runs = policies[0], len(policies)
        self._shape = (runs, n, -1)
        self._chosen = first.chosen
        self._networks = [policy.network for policy in policies]
        self._memory = np.stack([policy.parameters.flat for policy in policies])
        self._arrays: dict[str, Floats] = {}
        start = 0
        for name, one in first.parameters.arrays.items():
            part = self._memory[:, start : start + one.size]
            self._arrays[name] = part.reshape(runs, *one.shape)
            start += one.size
        network, self._layers = first.network, None
        if isinstance(network, Network):
            self._activation = network.activation
            names = network.names
            self._layers = [(self._arrays[w], self._arrays.get(b)) for w, b in names]
        self._statistics = None
        if first.normaliser is not None:
            self._statistics = np.zeros((2, runs, 1, len(first.normaliser.mean)))

    def put(self, run: int, policy: Policy) -> None:
        """Take over a run's policy as it is now."""
        self._memory[run] = policy.parameters.flat
        if self._statistics is not None and policy.normaliser is not None:
            self._statistics[0, run] = policy.normaliser.mean
            self._statistics[1, run] = policy.normaliser.scale

    def act(self, inputs: Rows, noise: Floats) -> Actions:
        """Actions of S N lanes, run by run: [S N] or [S N, k].

        inputs: [S N, inputs]; noise: [S, N, width]. Actions may be not finite.
        """
        rows = inputs.reshape(self._shape)
        if self._layers is None:  # a user's own networks, one after the other
            every = zip(self._networks, rows, strict=True)
            outputs = np.stack([one.numpy_outputs(mine) for one, mine in every])
        else:
            outputs = self._outputs(rows, self._layers)
        actions = self._chosen(outputs, noise, self._arrays)
        return actions.reshape(len(inputs), *actions.shape[2:])

    def _outputs(self, rows: Rows, layers: Layers) -> Floats:
        """[S, N, inputs] -> [S, N, outputs]."""
        hidden = (
            rows.astype(np.float32)
            if self._statistics is None
            else standardised(rows, *self._statistics)
        )
        for layer, (weight, bias) in enumerate(layers):
            if layer:
                self._activation(hidden, hidden)
            hidden = np.matmul(hidden, weight)
            if bias is not None:
                hidden += bias
        return hidden
