"""Categorical policies pi_theta(a | s): a linear layer or a tanh network.

The parameters live in torch, which differentiates them; rollouts read the same memory
through numpy, which is several times faster for one small layer at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float32]

OUTPUT_SCALE = 0.01  # near-equal action probabilities before the first update


class CategoricalPolicy:
    """Softmax over the outputs of a linear layer or a tanh network.

    `sizes` is (inputs, *hidden, actions). A linear policy starts at theta = 0; in a
    network each layer starts uniform in +-1/sqrt(fan-in), the last one scaled by 0.01.
    A linear policy on one-hot inputs is a table of preferences and has no bias.
    """

    def __init__(
        self, sizes: Sequence[int], bias: bool, generator: np.random.Generator
    ) -> None:
        self.parameters: list[torch.Tensor] = []
        linear = len(sizes) == 2
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            bound = 0.0 if linear else fan_in**-0.5
            if layer == len(sizes) - 2:
                bound *= OUTPUT_SCALE
            shapes = [(fan_in, fan_out)] + ([(1, fan_out)] if bias else [])
            for shape in shapes:
                values = generator.uniform(-bound, bound, shape).astype(np.float32)
                self.parameters.append(torch.from_numpy(values).requires_grad_())
        self._bias = bias
        self._arrays: list[Floats] = [p.detach().numpy() for p in self.parameters]

    def named_parameters(self) -> dict[str, torch.Tensor]:
        """`layer0.weight [inputs, outputs]`, `layer0.bias [1, outputs]`, ..."""
        kinds = ["weight", "bias"] if self._bias else ["weight"]
        return {
            f"layer{i // len(kinds)}.{kinds[i % len(kinds)]}": parameter.detach()
            for i, parameter in enumerate(self.parameters)
        }

    def log_probs(self, inputs: torch.Tensor) -> torch.Tensor:
        """log pi(. | s), differentiable. inputs: [M, inputs] -> [M, actions]."""
        step = 2 if self._bias else 1
        hidden = inputs
        for i in range(0, len(self.parameters), step):
            if i:
                hidden = torch.tanh(hidden)
            hidden = hidden @ self.parameters[i]
            if self._bias:
                hidden = hidden + self.parameters[i + 1]
        return torch.log_softmax(hidden, dim=1)

    def logits(self, inputs: Floats) -> Floats:
        """Unnormalised log-probabilities in numpy. [K, inputs] -> [K, actions]."""
        step = 2 if self._bias else 1
        hidden = inputs
        for i in range(0, len(self._arrays), step):
            if i:
                np.tanh(hidden, out=hidden)
            hidden = hidden @ self._arrays[i]
            if self._bias:
                hidden += self._arrays[i + 1]
        return hidden
