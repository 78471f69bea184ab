"""Gymnasium's vector environments as lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.envs.registration import load_env_creator

from pgstudy.learning.environments.layers import (
    VectorEnvironment,
    generator_states,
    seed_spaces,
    set_generator_states,
)
from pgstudy.learning.environments.making import make_vector, resumable
from pgstudy.learning.environments.parallel.lanes import (
    Flags,
    Lanes,
    Rewards,
    numbers,
)
from pgstudy.learning.environments.registry import registered
from pgstudy.learning.environments.spaces import Actions, Rows, layout
from pgstudy.learning.specification import EnvironmentSpecification


def shows_its_state(specification: EnvironmentSpecification) -> bool:
    """Whether the id's vector environment is known to hold all its state in view."""
    entry = registered(specification.id).vector_entry_point
    return isinstance(entry, str) and load_env_creator(entry) is CartPoleVectorEnv


class VectorLanes(Lanes):
    """The vector environment registered with the id: one for each run, seeded once.

    Such an environment draws for all its lanes from one generator, and resets those
    that ended by itself. Gymnasium's CartPole shows its state: there, a run's own
    environment only draws where episodes start, and one that all runs share is stepped.
    Any other steps its own lanes, those that ended along with the rest; one run plays.
    """

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[Sequence[int]]
    ) -> None:
        self.n = len(seeds[0])
        self._own = [make_vector(specification, self.n) for _ in seeds]
        first = self._own[0]
        self.layout = layout(first.single_observation_space, first.single_action_space)
        self._shared = shows_its_state(specification)
        self._seeds: list[int | None] = [each[0] for each in seeds]
        self._resumable = resumable(specification, first)
        self._stepped = first
        if self._shared:
            self._stepped = make_vector(specification, self.n * len(seeds))
            self._stepped.reset(seed=0)  # it needs some state; no run begins there

    def _reset(self, runs: Sequence[int], rows: Rows) -> None:
        for run in runs:
            environment, seed = self._own[run], self._seeds[run]
            if seed is not None:
                seed_spaces(environment, seed)
            observations, _ = environment.reset(seed=seed)
            lanes = slice(run * self.n, (run + 1) * self.n)
            self.layout.encode(observations, rows[lanes])
            self._seeds[run] = None
            if self._shared:
                self._place(environment, lanes)

    def _place(self, start: Any, lanes: slice) -> None:
        """Let the shared environment go on in these lanes where a run's own stands."""
        shared: Any = self._stepped
        shared.state[:, lanes] = start.state
        shared.steps[lanes] = 0
        shared.prev_done[lanes] = False

    def _step(
        self, actions: Actions, alive: Flags, rows: Rows, rewards: Rewards
    ) -> tuple[Flags, Flags]:
        # a copy: an environment may keep what it is handed
        outward = self.layout.actions.outward(actions).copy()
        observations, reward, terminated, truncated, _ = self._stepped.step(outward)
        self.layout.encode(observations, rows)
        rewards[:] = numbers(reward, len(rewards))
        return np.array(terminated, np.bool_), np.array(truncated, np.bool_)

    def state(self, run: int) -> list[Any] | None:
        """See `Lanes.state`."""
        return generator_states(self._own[run]) if self._resumable else None

    def restore(self, run: int, saved: list[Any]) -> None:
        """See `Lanes.restore`."""
        set_generator_states(self._own[run], saved)
        self._seeds[run] = None

    def close(self) -> None:
        """See `Lanes.close`."""
        every: list[VectorEnvironment] = [*self._own, self._stepped]
        for environment in every:
            environment.close()
