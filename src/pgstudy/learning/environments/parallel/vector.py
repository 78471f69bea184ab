"""Gymnasium's vector environments, stepped in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.layers import (
    generator_states,
    seed_spaces,
    set_generator_states,
)
from pgstudy.learning.environments.making import make_vector, resumable
from pgstudy.learning.environments.parallel.base import Ended, ParallelEnvironments
from pgstudy.learning.environments.spaces import Actions, Rows, as_numbers, layout
from pgstudy.learning.specification import EnvironmentSpecification


class VectorizedEnvironments(ParallelEnvironments):
    """The vector environment registered with the id, seeded once as a whole.

    It resets those that ended by itself; they are stepped along, and never looked at.
    """

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int]
    ) -> None:
        self.count = len(seeds)
        made = self._environments = make_vector(specification, self.count)
        spaces = made.single_observation_space, made.single_action_space
        self.layout = layout(*spaces)
        self._seed: int | None = seeds[0]
        self._resumable = resumable(specification, made)
        self._alive = np.arange(self.count)
        width = (self.layout.actions.size,) if spaces[1].shape else ()
        idle = np.zeros((self.count, *width), np.int64)
        self._actions = self.layout.actions.outward(idle).copy()

    def _reset(self, rows: Rows) -> None:
        if self._seed is not None:
            seed_spaces(self._environments, self._seed)
        observations, _ = self._environments.reset(seed=self._seed)
        self.layout.encode(observations, rows)
        self._seed = None
        self._alive = np.arange(self.count)

    def _step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        self._actions[self._alive] = self.layout.actions.outward(actions)
        # a copy: an environment may keep what it is handed
        observations, *results, _ = self._environments.step(self._actions.copy())
        reward, terminated, truncated = (_of(r, self._alive) for r in results)
        rewards.extend(as_numbers(reward, len(self._alive)))
        ended = Ended.of(terminated, truncated)
        if ended is not None:
            self._alive = self._alive[~ended.ended]
        observations = _of(observations, self._alive)
        self.layout.encode(observations, rows[: len(self._alive)])
        return ended

    def state(self) -> list[Any] | None:
        """See `ParallelEnvironments.state`."""
        return generator_states(self._environments) if self._resumable else None

    def restore(self, saved: list[Any]) -> None:
        """See `ParallelEnvironments.restore`."""
        set_generator_states(self._environments, saved)
        self._seed = None

    def close(self) -> None:
        """See `ParallelEnvironments.close`."""
        self._environments.close()


def _of(results: Any, alive: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What belongs to the environments alive, copied: [K, ...]."""
    found: npt.NDArray[Any] = np.asarray(results)[alive]
    return found
