"""The policies of several runs at once, one product for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgstudy.learning.environments.spaces import Actions, Floats, Rows
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.normaliser import standardised


class Stack:
    """S policies of one specification, as they are now.

    `numpy.matmul` multiplies a stack one matrix after the other, each as it would be
    alone. So the actions of a run do not depend on which others are in the stack.
    """

    def __init__(self, policies: Sequence[Policy], n: int) -> None:
        first, self._shape = policies[0], (len(policies), n, -1)
        self._chosen = first.chosen
        memory = np.stack([policy.parameters.flat for policy in policies])
        self._arrays: dict[str, Floats] = {}
        start = 0
        for name, one in first.parameters.arrays.items():
            part = memory[:, start : start + one.size]
            self._arrays[name] = part.reshape(len(policies), *one.shape)
            start += one.size
        self._layers = [
            (self._arrays[w], self._arrays.get(b)) for w, b in first.network.names
        ]
        self._activation = first.network.activation
        self._statistics = None
        if first.normaliser is not None:
            every = [policy.normaliser for policy in policies if policy.normaliser]
            means = np.stack([one.mean for one in every])
            scales = np.stack([one.scale for one in every])
            self._statistics = means[:, None], scales[:, None]

    def act(self, inputs: Rows, noise: Floats) -> Actions:
        """Actions of S N lanes, run by run: [S N] or [S N, k].

        inputs: [S N, inputs]; noise: [S, N, width]. Actions may be not finite.
        """
        rows = inputs.reshape(self._shape)
        hidden = (
            rows.astype(np.float32, copy=False)
            if self._statistics is None
            else standardised(rows, *self._statistics)
        )
        for layer, (weight, bias) in enumerate(self._layers):
            if layer:
                self._activation(hidden, hidden)
            hidden = np.matmul(hidden, weight)
            if bias is not None:
                hidden += bias
        actions = self._chosen(hidden, noise, self._arrays)
        return actions.reshape(len(inputs), *actions.shape[2:])
