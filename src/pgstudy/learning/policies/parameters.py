"""A policy's parameters: one memory that numpy and torch share, and how it starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.specification import Init

OUTPUT_SCALE = 0.01  # near-equal outputs before the first update


class Parameters:
    """Named float32 parameters, laid out one after the other in `flat`: [P].

    `arrays` (numpy) and `tensors` (torch leaves) are views of it; update in place.
    `gradients` are views of `gradient`'s memory, [P], by name.
    """

    def __init__(self, values: Mapping[str, Floats]) -> None:
        self.flat: Floats = np.concatenate([v.ravel() for v in values.values()])
        self.gradient = np.zeros_like(self.flat)
        self.arrays: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}
        self.tensors: dict[str, torch.Tensor] = {}
        start = 0
        for name, value in values.items():
            part = slice(start, start + value.size)
            self.arrays[name] = self.flat[part].reshape(value.shape)
            self.gradients[name] = self.gradient[part].reshape(value.shape)
            tensor = torch.from_numpy(self.arrays[name]).requires_grad_()
            tensor.grad = torch.from_numpy(self.gradients[name])
            self.tensors[name] = tensor
            start += value.size

    def state(self) -> Floats:
        """See `Trainer.state`."""
        return self.flat

    def restore(self, saved: Floats) -> None:
        """The inverse of `state`."""
        self.flat[:] = saved

    def autograd(self, objectives: Iterable[torch.Tensor]) -> Floats:
        """d (sum of objectives) / d flat: [P], valid until the next call.

        Each objective's graph is let go before the next one is asked for.
        """
        self.gradient.fill(0)
        for objective in objectives:
            objective.backward()  # type: ignore[no-untyped-call]
        return self.gradient


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
