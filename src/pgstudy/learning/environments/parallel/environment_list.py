"""A plain list of environments, stepped one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pgstudy.learning.environments.layers import (
    generator_states,
    seed_spaces,
    set_generator_states,
)
from pgstudy.learning.environments.making import make, resumable
from pgstudy.learning.environments.parallel.base import Ended, ParallelEnvironments
from pgstudy.learning.environments.spaces import (
    Actions,
    EnvironmentFault,
    Rows,
    as_number,
    layout,
)
from pgstudy.learning.specification import EnvironmentSpecification


class EnvironmentList(ParallelEnvironments):
    """A plain list of environments; each is seeded once, at its first reset."""

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int]
    ) -> None:
        self.count = len(seeds)
        self._environments = [make(specification) for _ in seeds]
        first = self._environments[0]
        self.layout = layout(first.observation_space, first.action_space)
        self._seeds: Sequence[int | None] = seeds
        self._resumable = resumable(specification, first)
        self._steps: list[Callable[[Any], Any]] = []
        self._write = self.layout.write if self.layout.reshapes else None

    def _reset(self, rows: Rows) -> None:
        every = zip(self._environments, self._seeds, rows, strict=True)
        for environment, seed, row in every:
            if seed is not None:
                seed_spaces(environment, seed)
            observation, _ = environment.reset(seed=seed)
            if seed is not None:
                _require_shape(observation, environment.observation_space.shape)
            self.layout.write(observation, row)
        self._seeds = [None] * self.count
        self._steps = [environment.step for environment in self._environments]

    def _step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        outward = self.layout.actions.each(actions)
        first, row, width = len(rewards), 0, self.layout.inputs
        ends: list[tuple[int, bool]] = []
        for step, action in zip(self._steps, outward):  # noqa: B905
            observation, reward, terminated, truncated, _ = step(action)
            # a number, now: what an environment hands out it may overwrite
            rewards.append(reward if isinstance(reward, float) else as_number(reward))
            if terminated or truncated:
                ends.append((len(rewards) - first - 1, bool(terminated)))
            else:
                if self._write is None:  # the common case, without a call
                    if len(observation) != width:  # it would be broadcast
                        _require_shape(observation, (width,))
                    rows[row] = observation
                else:
                    self._write(observation, rows[row])
                row += 1
        return self._drop(ends) if ends else None

    def _drop(self, ends: list[tuple[int, bool]]) -> Ended:
        ended, terminated = np.zeros((2, len(self._steps)), np.bool_)
        for position, by_terminating in ends:
            ended[position] = True
            terminated[position] = by_terminating
        alive = zip(self._steps, ended, strict=True)
        self._steps = [step for step, end in alive if not end]
        return Ended(ended, terminated)

    def state(self) -> list[list[Any]] | None:
        """See `ParallelEnvironments.state`."""
        if not self._resumable:
            return None
        return [generator_states(environment) for environment in self._environments]

    def restore(self, saved: list[list[Any]]) -> None:
        """See `ParallelEnvironments.restore`."""
        for environment, states in zip(self._environments, saved, strict=True):
            set_generator_states(environment, states)
        self._seeds = [None] * self.count

    def close(self) -> None:
        """See `ParallelEnvironments.close`."""
        for environment in self._environments:
            environment.close()


def _require_shape(observation: Any, shape: tuple[int, ...] | None) -> None:
    if np.shape(observation) != shape:
        found = np.shape(observation)
        wrong = f"an observation of shape {found}, and its space says {shape}"
        raise EnvironmentFault(f"the environment gave {wrong}")
