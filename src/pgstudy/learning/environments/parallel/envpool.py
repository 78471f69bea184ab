"""The environments of the library envpool, stepped in one call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from pgstudy.learning.environments.making import make_envpool
from pgstudy.learning.environments.parallel.base import Ended, ParallelEnvironments
from pgstudy.learning.environments.spaces import (
    Actions,
    EnvironmentFault,
    Rows,
    as_numbers,
    layout,
)
from pgstudy.learning.specification import EnvironmentSpecification


class EnvpoolEnvironments(ParallelEnvironments):
    """envpool's environments, a seed each; only those alive are stepped."""

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int]
    ) -> None:
        self.count = len(seeds)
        small = [seed % 2**31 for seed in seeds]
        self._environments = make_envpool(specification, small)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the precision of bounds
            observations = self._environments.observation_space
            actions = self._environments.action_space
        self.layout = layout(observations, actions)
        self._alive = np.arange(self.count, dtype=np.int32)

    def _reset(self, rows: Rows) -> None:
        observations, _ = self._environments.reset()
        self.layout.encode(observations, rows)
        self._alive = np.arange(self.count, dtype=np.int32)

    def _step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        outward, alive = self.layout.actions.outward(actions), self._alive
        observations, reward, *ends, info = self._environments.step(outward, alive)
        if (info["env_id"] != alive).any():
            raise EnvironmentFault("envpool returned its environments out of order")
        rewards.extend(as_numbers(reward, len(alive)))
        ended = Ended.of(*ends)
        if ended is not None:
            left = ~ended.ended
            self._alive, observations = alive[left], observations[left]
        self.layout.encode(observations, rows[: len(self._alive)])
        return ended

    def state(self) -> None:
        """Unknown: the library does not hand out its generators."""

    def restore(self, saved: None) -> None:
        """Never called, since there is no state."""

    def close(self) -> None:
        """See `ParallelEnvironments.close`."""
        self._environments.close()
