"""From a batch to the weights of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.estimators.learned_value import LearnedValue
from pgstudy.learning.estimators.memory import RunningMean, WindowMean, running_mean
from pgstudy.learning.estimators.own import OwnWeights
from pgstudy.learning.estimators.weights import (
    Array,
    Mask,
    batch_mean,
    by_group,
    deviation,
    discounts,
    leave_one_out,
    per_step_mean,
    reward_to_go,
    total_return,
)
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import EstimatorSpecification

Memory = RunningMean | WindowMean | LearnedValue | OwnWeights
Function = Callable[[Array, Mask], Array | float]
WITHOUT_MEMORY: dict[str, Function] = {
    "none": lambda credit, mask: 0.0,
    "batch-mean": lambda credit, mask: batch_mean(credit),
    "leave-one-out": lambda credit, mask: leave_one_out(credit),
    "per-step-mean": lambda credit, mask: per_step_mean(credit, mask),
}


class StepWeights:
    """w_it for the batches of one run, in order (see `weights` for the formula)."""

    def __init__(
        self, specification: EstimatorSpecification, value: LearnedValue | None = None
    ) -> None:
        self._specification = specification
        self._memory: Memory | None = value
        how = specification
        if how.weights is not None:
            self._memory = OwnWeights(how)
        elif how.baseline == "running-mean":
            self._memory = running_mean(how.window, how.decay)

    def __call__(self, batch: Batch) -> Array:
        """The weights of all M steps, in the batch's order: [M].

        Errors: UnusableWeights, or what a user's own function raises.
        """
        mask = batch.mask
        if isinstance(self._memory, OwnWeights):
            return np.array(self._of_groups(self._memory, batch.rewards, mask))[mask]
        every: Array = (self._weights(batch) * mask)[mask]  # [1, N] or [T, N]
        return every

    def _weights(self, batch: Batch) -> Array:
        how, mask = self._specification, batch.mask
        to_go = how.credit == "to-go"
        credit_of = reward_to_go if to_go else total_return
        credit = credit_of(batch.rewards, how.gamma)
        weights = credit - self._baseline(credit, batch)
        if how.normalise:
            weights = weights / self._of_groups(deviation, credit, mask)
        if to_go and how.discounting == "unbiased" and how.gamma != 1:
            weights = weights * discounts(len(mask), how.gamma)
        if how.length_division:
            weights = weights / batch.lengths
        return weights

    def _baseline(self, credit: Array, batch: Batch) -> Array | float:
        how, memory = self._specification, self._memory
        if memory is not None and not isinstance(memory, OwnWeights):
            return memory(credit, batch)
        if how.baseline == "constant":
            return how.constant or 0.0
        return self._of_groups(WITHOUT_MEMORY[how.baseline], credit, batch.mask)

    def _of_groups(self, of: Function, credit: Array, mask: Mask) -> Array | float:
        size = self._specification.trajectories_per_start
        return of(credit, mask) if size is None else by_group(of, size, credit, mask)

    def state(self) -> Any:
        """See `Trainer.state`."""
        return None if self._memory is None else self._memory.state()

    def restore(self, saved: Any) -> None:
        """The inverse of `state`."""
        if self._memory is not None:
            self._memory.restore(saved)

    def saved(self) -> dict[str, Array | Floats]:
        """What the baseline remembers, by name, to be kept beside a policy; copies.

        Empty for a baseline that remembers nothing. What a learned baseline takes from
        the policy's normaliser is kept with the policy.
        """
        return {} if self._memory is None else self._memory.saved()

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """The inverse of `saved`, for the same specification; other names are left.

        Errors: KeyError, ValueError if the arrays are another baseline's.
        """
        if self._memory is not None:
            self._memory.load(arrays)
