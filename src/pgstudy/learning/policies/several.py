"""Several discrete actions at once: a product of softmax policies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pgstudy.learning.environments.spaces import Actions, Floats
from pgstudy.learning.policies.distributions import AnyNetwork, Arrays, Categorical
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.parameters import Parameters


class SeveralCategoricals(Categorical):
    """pi(a | s) = prod_j softmax(network(s)_j)_{a_j}. Actions: [K, k], each from 0.

    `sizes`: the number of each one's actions; the network has an output for all of
    them, one after the other. Given the state, the k actions are independent.
    """

    def __init__(
        self,
        parameters: Parameters,
        network: AnyNetwork,
        normaliser: Normaliser | None,
        sizes: Sequence[int],
    ) -> None:
        super().__init__(parameters, network, normaliser, sum(sizes))
        ends = np.cumsum(sizes).tolist()
        self._parts = [
            (slice(end - size, end), Categorical(parameters, network, normaliser, size))
            for size, end in zip(sizes, ends, strict=True)
        ]

    def chosen(self, outputs: Floats, noise: Floats, arrays: Arrays) -> Actions:
        """See `Policy.chosen`."""
        parts = [
            one.chosen(outputs[..., part], noise[..., part], arrays)
            for part, one in self._parts
        ]
        return np.stack(parts, -1)

    def score(
        self, outputs: Floats, actions: Actions, shares: Floats, bonus: float
    ) -> tuple[Floats, float]:
        """See `Policy.score`: log pi and H are sums over the k actions."""
        slopes, entropy = np.empty_like(outputs), 0.0
        for j, (part, one) in enumerate(self._parts):
            slopes[:, part], mine = one.score(
                outputs[:, part], actions[:, j], shares, bonus
            )
            entropy += mine
        return slopes, entropy

    def log_probs(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """See `Policy.log_probs`."""
        parts = [
            one.log_probs(outputs[:, part], actions[:, j])
            for j, (part, one) in enumerate(self._parts)
        ]
        return torch.stack(parts).sum(0)

    def entropy(self, outputs: torch.Tensor) -> torch.Tensor:
        """See `Policy.entropy`."""
        parts = [one.entropy(outputs[:, part]) for part, one in self._parts]
        return torch.stack(parts).sum(0)
