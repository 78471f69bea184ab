"""A plain list of environments, stepped one after the other.

Taken for N of one run; see `lanes` for environments that are stepped in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.faults import EnvironmentFault, as_number, fault
from pgstudy.learning.environments.layers import (
    generator_states,
    seed_spaces,
    set_generator_states,
)
from pgstudy.learning.environments.making import make, resumable
from pgstudy.learning.environments.spaces import Actions, Rows, layout
from pgstudy.learning.specification import EnvironmentSpecification


class Ended(NamedTuple):
    """Which of the K environments just stepped ended, and which by terminating."""

    ended: npt.NDArray[np.bool_]
    terminated: npt.NDArray[np.bool_]


class EnvironmentList:
    """N environments, of which those still in their episode are stepped.

    Each is seeded once, at its first reset, stepped to the end of its episode and then
    left alone until the next `reset`. `count`: N.
    """

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
        self._each = self.layout.actions.each

    def reset(self, rows: Rows) -> None:
        """Start an episode in each; observations go to rows: [N, inputs].

        Errors: EnvironmentFault, for whatever an environment raises.
        """
        try:
            self._reset(rows)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error

    def _reset(self, rows: Rows) -> None:
        every = zip(self._environments, self._seeds, rows, strict=True)
        for environment, seed, row in every:
            if seed is not None:
                seed_spaces(environment, seed)
            observation, _ = environment.reset(seed=seed)
            if seed is not None and not self.layout.composed:
                _require_shape(observation, environment.observation_space.shape)
            self.layout.write(observation, row)
        self._seeds = [None] * self.count
        self._steps = [environment.step for environment in self._environments]

    def step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """Step the K environments that are alive.

        The observations of those that stay alive go to the first of rows: [K, inputs];
        K rewards are appended. Returns None if none ended.
        Errors: EnvironmentFault, for whatever an environment raises.
        """
        one = len(actions) == 1
        try:
            return (self._step_one if one else self._step)(actions, rows, rewards)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error

    def _step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        layout, width, row = self.layout, self.layout.inputs, 0
        ends: list[tuple[int, bool]] = []
        every = enumerate(zip(self._steps, self._each(actions)))  # noqa: B905
        for position, (step, action) in every:
            observation, reward, terminated, truncated, _ = step(action)
            # a number, now: what an environment hands out it may overwrite
            rewards.append(reward if isinstance(reward, float) else as_number(reward))
            if terminated or truncated:
                ends.append((position, bool(terminated)))
                continue
            if layout.reshapes:
                layout.write(observation, rows[row])
            else:  # the common case, without a call
                if len(observation) != width:  # it would be broadcast
                    _require_shape(observation, (width,))
                rows[row] = observation
            row += 1
        return self._drop(ends) if ends else None

    def _step_one(
        self, actions: Actions, rows: Rows, rewards: list[float]
    ) -> Ended | None:
        """The same for the only one, or the last that is alive, without lists.

        Training at N = 1 is 1.03 to 1.04 times as fast with it.
        """
        (action,), layout = self._each(actions), self.layout
        observation, reward, terminated, truncated, _ = self._steps[0](action)
        rewards.append(reward if isinstance(reward, float) else as_number(reward))
        if terminated or truncated:
            return self._drop([(0, bool(terminated))])
        if layout.reshapes:
            layout.write(observation, rows[0])
        else:
            if len(observation) != layout.inputs:
                _require_shape(observation, (layout.inputs,))
            rows[0] = observation
        return None

    def _drop(self, ends: list[tuple[int, bool]]) -> Ended:
        ended, terminated = np.zeros((2, len(self._steps)), np.bool_)
        for position, by_terminating in ends:
            ended[position] = True
            terminated[position] = by_terminating
        alive = zip(self._steps, ended, strict=True)
        self._steps = [step for step, end in alive if not end]
        return Ended(ended, terminated)

    def state(self) -> list[list[Any]] | None:
        """Between two episodes, all that the next ones depend on; None if unknown."""
        if not self._resumable:
            return None
        return [generator_states(environment) for environment in self._environments]

    def restore(self, saved: list[list[Any]]) -> None:
        """The inverse of `state`, for new environments."""
        for environment, states in zip(self._environments, saved, strict=True):
            set_generator_states(environment, states)
        self._seeds = [None] * self.count

    def restart(self, seeds: Sequence[int]) -> bool:
        """Begin again with these seeds, as if new; false if more may be remembered."""
        self._seeds = seeds
        return self._resumable

    def close(self) -> None:
        """Let go of the environments."""
        for environment in self._environments:
            environment.close()


def _require_shape(observation: Any, shape: tuple[int, ...] | None) -> None:
    if np.shape(observation) != shape:
        found = np.shape(observation)
        wrong = f"an observation of shape {found}, and its space says {shape}"
        raise EnvironmentFault(f"the environment gave {wrong}")
