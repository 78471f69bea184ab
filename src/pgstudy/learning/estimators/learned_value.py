"""A baseline that is learned: a function of the state, moved towards the credits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.optimizers import GradientAscent
from pgstudy.learning.policies.networks import Network, chunks
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.parameters import Parameters, initial_layers
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import ValueSpecification


class LearnedValue:
    """b_it = v(s_it), with v trained towards the credits by its own gradient steps.

    `batch`: w <- w + alpha 1/M sum (C - v) grad v, after all weights are taken;
    unbiased, since v is that of earlier batches.
    `step`: w <- w + alpha (C_it - v(s_it)) grad v(s_it) at each step of each trajectory
    in turn (Sutton & Barto 2018, p. 330). From its second step on a trajectory meets a
    v that has seen its own credit, which later actions are part of: the book's
    algorithm, and biased. On a constant feature v is a scalar w that goes the share
    1 - (1 - alpha)^t of the way to the trajectory's own credits before step t, so that
    the expected estimate is exactly sum_t (1 - alpha)^t E[grad log pi_t C_t]: on the
    corridor with p(right) = .05 and the book's alpha = 2^-6, .47 of grad J (with 2^-4,
    .17).
    """

    def __init__(
        self,
        specification: ValueSpecification,
        inputs: int,
        normaliser: Normaliser | None,
        generator: np.random.Generator,
    ) -> None:
        self._learning_rate = specification.learning_rate
        self._per_step = specification.update == "step"
        self._constant = specification.features == "constant"
        self._linear = not specification.hidden
        width = 1 if self._constant else inputs
        sizes = (width, *specification.hidden, 1)
        bias = not self._constant  # on a constant feature, v is a scalar w
        self.parameters = Parameters(initial_layers(sizes, bias, "default", generator))
        self._ascent = GradientAscent(self.parameters.flat)
        normaliser = None if self._constant else normaliser
        self._network = Network(self.parameters, "tanh", normaliser)

    def __call__(self, credit: Array, batch: Batch) -> Array:
        """The values that the batch's steps met, before they moved them: [T, N]."""
        full, mask = np.broadcast_to(credit, batch.mask.shape), batch.mask
        inputs = batch.inputs
        if self._constant:
            inputs = np.ones((len(inputs), 1), np.float32)
        targets = full[mask].astype(np.float32)
        if self._per_step:
            order = np.full(mask.shape, -1)
            order[mask] = np.arange(len(inputs))
            rows = order.T[mask.T]  # trajectory by trajectory, each in time
            found = np.empty_like(targets)
            learn = self._learn_each_linear if self._linear else self._learn_each
            found[rows] = learn(inputs[rows], targets[rows])
        else:
            found = self._learn(inputs, targets)
        values = np.zeros(mask.shape)
        values[mask] = found
        return values

    def state(self) -> Floats:
        """See `Trainer.state`."""
        return self.parameters.state()

    def restore(self, saved: Floats) -> None:
        """The inverse of `state`."""
        self.parameters.restore(saved)

    def saved(self) -> dict[str, Array | Floats]:
        """See `StepWeights`: the parameters of v."""
        arrays = self.parameters.arrays.items()
        return {f"baseline.{name}": values.copy() for name, values in arrays}

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `StepWeights`."""
        for name, values in self.parameters.arrays.items():
            values[:] = arrays[f"baseline.{name}"]

    def _learn_each(self, inputs: Floats, targets: Floats) -> Floats:
        """One step of regression per row, in turn; returns the values met: [M]."""
        ones = [slice(row, row + 1) for row in range(len(targets))]
        found = [self._learn(inputs[one], targets[one]) for one in ones]
        return np.concatenate(found)

    def _learn_each_linear(self, inputs: Floats, targets: Floats) -> Floats:
        """The same for v = w x + b, each step of which is one product."""
        if self._network.normaliser is not None:
            inputs = self._network.normaliser.numpy_outputs(inputs)
        if not self._constant:  # the bias comes last in the parameters' memory
            inputs = np.pad(inputs, ((0, 0), (0, 1)), constant_values=1)
        found, parameters = np.empty_like(targets), self.parameters.flat
        for row, features in enumerate(inputs):
            found[row] = features.dot(parameters)
            parameters += self._learning_rate * (targets[row] - found[row]) * features
        return found

    def _learn(self, inputs: Floats, targets: Floats) -> Floats:
        """One step of regression; returns the values before it: [M]."""
        found = np.empty_like(targets)
        gradient = np.zeros_like(self.parameters.gradient)
        for rows in chunks(len(targets)):
            outputs, given = self._network.forward(inputs[rows])
            found[rows] = outputs[:, 0]
            errors = (targets[rows] - found[rows]) / np.float32(len(targets))
            self._network.backward(given, errors[:, None])  # of 1/M sum (C - v) v
            gradient += self.parameters.gradient
        self._ascent.step(gradient, self._learning_rate)
        return found
