"""Linear layers and small networks, on one memory that torch and numpy share.

Rollouts and gradients go through numpy, which is several times faster than torch for
one small layer at a time. torch differentiates the same network where a test, or an
exact gradient, asks for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.environments.spaces import Floats, Rows
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.specification import Activation, Init

GRADIENT_ROWS = 2048  # differentiated at once: fits the cache, bounds the memory
OUTPUT_SCALE = 0.01  # near-equal outputs before the first update


class Parameters:
    """Named float32 parameters, laid out one after the other in `flat`: [P].

    `arrays` (numpy) and `tensors` (torch leaves) are views of it; update in place.
    `gradients` are views of the gradient's memory, by name.
    """

    def __init__(self, values: Mapping[str, Floats]) -> None:
        self.flat: Floats = np.concatenate([v.ravel() for v in values.values()])
        self._gradient = torch.zeros(len(self.flat))
        self.arrays: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}
        self.tensors: dict[str, torch.Tensor] = {}
        start = 0
        for name, value in values.items():
            part = slice(start, start + value.size)
            self.arrays[name] = self.flat[part].reshape(value.shape)
            tensor = torch.from_numpy(self.arrays[name]).requires_grad_()
            tensor.grad = self._gradient[part].view(value.shape)
            self.gradients[name] = tensor.grad.numpy()
            self.tensors[name] = tensor
            start += value.size

    def state(self) -> Floats:
        """See `Trainer.state`."""
        return self.flat

    def restore(self, saved: Floats) -> None:
        """The inverse of `state`."""
        self.flat[:] = saved

    def cleared_gradient(self) -> torch.Tensor:
        """The gradient's memory, set to 0 for whoever adds to it: [P]."""
        return self._gradient.zero_()

    def gradient(self, objectives: Iterable[torch.Tensor]) -> torch.Tensor:
        """d (sum of objectives) / d flat by autograd: [P], valid until the next call.

        Each objective's graph is let go before the next one is asked for.
        """
        self.cleared_gradient()
        for objective in objectives:
            objective.backward()  # type: ignore[no-untyped-call]
        return self._gradient


def chunks(rows: int) -> Iterator[slice]:
    """All rows, at most GRADIENT_ROWS at a time."""
    for start in range(0, rows, GRADIENT_ROWS):
        yield slice(start, start + GRADIENT_ROWS)


def initial_layers(
    sizes: Sequence[int], bias: bool, init: Init, generator: np.random.Generator
) -> dict[str, Floats]:
    """`layer0.weight` [inputs, outputs], `layer0.bias` [1, outputs], ...

    default: weights and biases uniform in +-1/sqrt(fan-in). orthogonal: orthogonal
    weights (Saxe et al. 2014), biases 0. The last layer is scaled by 0.01 in both;
    a linear map starts at 0.
    """
    layers: dict[str, Floats] = {}
    last = len(sizes) - 2
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        scale = 0.0 if last == 0 else OUTPUT_SCALE if i == last else 1.0
        if init == "default":
            bound = fan_in**-0.5
            weight = generator.uniform(-bound, bound, (fan_in, fan_out))
            offset = generator.uniform(-bound, bound, (1, fan_out))
        else:
            weight = _orthogonal(fan_in, fan_out, generator)
            offset = np.zeros((1, fan_out))
        layers[f"layer{i}.weight"] = (scale * weight).astype(np.float32)
        if bias:
            layers[f"layer{i}.bias"] = (scale * offset).astype(np.float32)
    return layers


def _orthogonal(
    rows: int, columns: int, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # uniform over the orthogonal matrices
    return q if rows >= columns else q.T


class Network:
    """Layers with an activation between them, over `parameters`' layer0, layer1, ...

    With a normaliser, inputs are float64 and standardised first; float32 without.
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
        self._numpy_activation = np.tanh if activation == "tanh" else _relu
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
        """The same, for the rollout. [K, inputs] -> [K, outputs], a new array."""
        return self.forward(inputs)[0]

    def forward(self, inputs: Rows) -> tuple[Floats, list[Floats]]:
        """The outputs, and what each layer was given, for `backward`."""
        hidden = self.normaliser.numpy_outputs(inputs) if self.normaliser else inputs
        last, given = self._arrays[-1], []
        for pair in self._arrays:
            weight, bias = pair
            given.append(hidden)
            hidden = _dot(hidden, weight)  # half the overhead of @ for one row
            if bias is not None:
                _add(hidden, bias, hidden)
            if pair is not last:
                self._numpy_activation(hidden, hidden)
        return hidden, given

    def backward(self, given: list[Floats], outputs: Floats) -> None:
        """Add to the parameters' gradient that of a function of the outputs.

        outputs: its derivatives by each output, [M, outputs]. By the chain rule, from
        the last layer to the first (Rumelhart et al. 1986).
        """
        for layer in reversed(range(len(given))):
            hidden, (weight, bias) = given[layer], self._gradients[layer]
            _add(weight, _dot(hidden.T, outputs), weight)
            if bias is not None:
                _add(bias, np.add.reduce(outputs), bias)
            if layer:
                outputs = _dot(outputs, self._arrays[layer][0].T)
                outputs *= self._slope(hidden)


_dot, _add = np.dot, np.add


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
