"""Linear layers and small networks, on one memory that torch and numpy share.

Rollouts and gradients go through numpy, which is several times faster than torch for
one small layer at a time. torch differentiates the same network where a test, or an
exact gradient, asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.environments.spaces import Floats, Rows
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.parameters import Parameters
from pgstudy.learning.specification import Activation

GRADIENT_ROWS = 2048  # differentiated at once: fits the cache, bounds the memory


def chunks(rows: int) -> Iterator[slice]:
    """All rows, at most GRADIENT_ROWS at a time."""
    for start in range(0, rows, GRADIENT_ROWS):
        yield slice(start, start + GRADIENT_ROWS)


class Network:
    """Layers with an activation between them, over `parameters`' layer0, layer1, ...

    With a normaliser, inputs are float64 and standardised first; float32 without.
    `names`: of each layer's weight and bias, from the first to the last.
    """

    def __init__(
        self,
        parameters: Parameters,
        activation: Activation,
        normaliser: Normaliser | None = None,
    ) -> None:
        weights = [name for name in parameters.arrays if name.endswith(".weight")]
        pairs = [(name, name.replace("weight", "bias")) for name in weights]
        arrays, tensors = parameters.arrays, parameters.tensors
        gradients = parameters.gradients
        self._arrays = [(arrays[w], arrays.get(b)) for w, b in pairs]
        self._gradients = [(gradients[w], gradients.get(b)) for w, b in pairs]
        self._tensors = [(tensors[w], tensors.get(b)) for w, b in pairs]
        self.names = pairs
        self.activation = np.tanh if activation == "tanh" else _relu
        self._torch_activation = torch.tanh if activation == "tanh" else torch.relu
        self._slope = _tanh_slope if activation == "tanh" else _relu_slope
        self.normaliser = normaliser

    def torch_outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Differentiable. [M, inputs] -> [M, outputs]."""
        hidden = self.normaliser.torch_outputs(inputs) if self.normaliser else inputs
        *inner, (weight, bias) = self._tensors
        for inner_weight, inner_bias in inner:
            hidden = self._torch_activation(_affine(hidden, inner_weight, inner_bias))
        return _affine(hidden, weight, bias)

    def numpy_outputs(self, inputs: Rows) -> Floats:
        """The same in numpy. [K, inputs] -> [K, outputs], a new array."""
        return self.forward(inputs)[0]

    def in_place(self, rows: int) -> Callable[[Rows], Floats]:
        """The same for so many rows at a time, in memory that each call overwrites.

        For the rollout: without new arrays, training at N = 1 is 1.02 to 1.04 times as
        fast.
        """
        layers = [
            (weight, bias, np.empty((rows, weight.shape[1]), np.float32))
            for weight, bias in self._arrays
        ]
        *inner, (last, last_bias, outputs) = layers
        normaliser, activation = self.normaliser, self.activation

        def forward(inputs: Rows) -> Floats:
            hidden = inputs if normaliser is None else normaliser.numpy_outputs(inputs)
            for weight, bias, memory in inner:
                hidden = hidden.dot(weight, memory)
                if bias is not None:
                    _add(hidden, bias, hidden)
                activation(hidden, hidden)
            hidden.dot(last, outputs)
            return outputs if last_bias is None else _add(outputs, last_bias, outputs)

        return forward

    def forward(self, inputs: Rows) -> tuple[Floats, Any]:
        """The outputs, and what each layer was given, for `backward`."""
        hidden = self.normaliser.numpy_outputs(inputs) if self.normaliser else inputs
        last = self._arrays[-1]
        given: list[Floats] = []
        for pair in self._arrays:
            weight, bias = pair
            given.append(hidden)
            hidden = hidden.dot(weight)  # .6 of the overhead of @ for one row
            if bias is not None:
                _add(hidden, bias, hidden)
            if pair is not last:
                self.activation(hidden, hidden)
        return hidden, given

    def backward(self, given: Any, outputs: Floats) -> None:
        """Write the gradient of a function of the outputs over that of before.

        outputs: its derivatives by each output, [M, outputs]. By the chain rule, from
        the last layer to the first (Rumelhart et al. 1986).
        """
        for layer in reversed(range(len(given))):
            hidden, (weight, bias) = given[layer], self._gradients[layer]
            hidden.T.dot(outputs, weight)
            if bias is not None:  # for 500 rows, a third of np.add.reduce
                np.ones(len(outputs), np.float32).dot(outputs, bias[0])
            if layer:
                outputs = outputs.dot(self._arrays[layer][0].T)
                outputs *= self._slope(hidden)


_add = np.add


def _affine(
    inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    return inputs @ weight if bias is None else torch.addmm(bias, inputs, weight)


def _tanh_slope(hidden: Floats) -> Floats:
    """d tanh(x) / dx, from tanh(x)."""
    return 1 - hidden * hidden


def _relu_slope(hidden: Floats) -> npt.NDArray[np.bool_]:
    """d max(x, 0) / dx, from max(x, 0)."""
    return hidden > 0


def _relu(inputs: Floats, out: Floats) -> None:
    np.maximum(inputs, 0, out=out)
