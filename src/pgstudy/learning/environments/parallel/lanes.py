"""Lanes: environments of several runs side by side, N for each, stepped in one call.

The bits of a run must not depend on what runs beside it. So no run's generators are
drawn from on behalf of another, and an episode that has ended draws from none.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.faults import NUMERIC, as_numbers, fault
from pgstudy.learning.environments.spaces import Actions, Layout, Rows

Flags = npt.NDArray[np.bool_]
Rewards = npt.NDArray[np.float64]


class Lanes(abc.ABC):
    """N lanes for each of S runs: L = S N of them, run by run.

    `n`: N. See `rollouts.sampling.at_once` for how many runs may play at once.
    """

    layout: Layout
    n: int

    def reset(self, runs: Sequence[int], rows: Rows) -> None:
        """Start an episode in each lane of these runs.

        Observations go to their rows: [L, inputs]. Errors: EnvironmentFault.
        """
        try:
            self._reset(runs, rows)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error

    def step(
        self, actions: Actions, alive: Flags, rows: Rows, rewards: Rewards
    ) -> tuple[Flags, Flags]:
        """Step the lanes alive: [L]; what the others get is arbitrary.

        Observations go to rows: [L, inputs], rewards to their array: [L]. Returns which
        have terminated, and which were truncated: [L]. Errors: EnvironmentFault.
        """
        try:
            return self._step(actions, alive, rows, rewards)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error

    @abc.abstractmethod
    def _reset(self, runs: Sequence[int], rows: Rows) -> None:
        """What `reset` does."""

    @abc.abstractmethod
    def _step(
        self, actions: Actions, alive: Flags, rows: Rows, rewards: Rewards
    ) -> tuple[Flags, Flags]:
        """What `step` does."""

    @abc.abstractmethod
    def state(self, run: int) -> Any:
        """Between two episodes, all that a run's next depend on; None if unknown."""

    @abc.abstractmethod
    def restore(self, run: int, saved: Any) -> None:
        """The inverse of `state`, for new lanes."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the environments."""


def numbers(rewards: Any, count: int) -> npt.NDArray[Any]:
    """As many rewards as numbers: [count]. Errors: EnvironmentFault."""
    array = np.asarray(rewards)
    if array.shape == (count,) and array.dtype.kind in NUMERIC.replace("O", ""):
        return array
    return np.array(as_numbers(rewards, count))
