"""N trajectories as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.faults import EnvironmentFault
from pgstudy.learning.environments.spaces import Actions, Rows


@dataclass(frozen=True)
class Batch:
    """N trajectories of at most T steps, M steps in all, ordered by time, then
    trajectory.

    inputs: [M, inputs] and actions: [M] or [M, k], as the policy knows them (float32
    inputs, or float64 where it standardises them);
    rewards: [T, N], 0 after a trajectory's end; mask: [T, N], True where a step was
    taken, so that x[mask]: [M]; lengths: [N]; terminated: [N] (False: cut at the cap).
    """

    inputs: Rows
    actions: Actions
    rewards: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]
    lengths: npt.NDArray[np.int64]
    terminated: npt.NDArray[np.bool_]

    @cached_property
    def returns(self) -> npt.NDArray[np.float64]:
        """Undiscounted sums of rewards: [N]."""
        returns: npt.NDArray[np.float64] = self.rewards.sum(0)
        return returns


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches as one, with their trajectories in this order; one alone as it is."""
    if len(batches) == 1:
        return batches[0]
    longest = max(len(batch.mask) for batch in batches)
    times = np.concatenate([np.nonzero(batch.mask)[0] for batch in batches])
    order = times.argsort(kind="stable")

    def beside(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        every = [np.pad(one, ((0, longest - len(one)), (0, 0))) for one in parts]
        return np.concatenate(every, axis=1)

    return Batch(
        np.concatenate([batch.inputs for batch in batches])[order],
        np.concatenate([batch.actions for batch in batches])[order],
        beside([batch.rewards for batch in batches]),
        beside([batch.mask for batch in batches]),
        np.concatenate([batch.lengths for batch in batches]),
        np.concatenate([batch.terminated for batch in batches]),
    )


def require_finite(numbers: npt.NDArray[np.floating], what: str) -> None:
    """Errors: EnvironmentFault, if some number is not finite; `what` it is."""
    if not np.isfinite(numbers).all():
        raise EnvironmentFault(f"the environment gave a non-finite {what}")
