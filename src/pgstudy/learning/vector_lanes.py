"""Lanes that are stepped in one call: Gymnasium's vector environments, and envpool."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgstudy.learning import environments
from pgstudy.learning.lanes import (
    Ended,
    fault,
    generator_states,
    set_generator_states,
)
from pgstudy.learning.spaces import Actions, EnvironmentFault, Floats, layout
from pgstudy.learning.specification import EnvironmentSpecification


class VectorLanes:
    """The vector environment registered with the id, seeded once as a whole.

    It resets ended lanes by itself; these are stepped along, and never looked at.
    """

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int]
    ) -> None:
        self.count = len(seeds)
        self._lanes = environments.make_vector(specification, self.count)
        spaces = self._lanes.single_observation_space, self._lanes.single_action_space
        self.layout = layout(*spaces)
        self._seed: int | None = seeds[0]
        self._resumable = environments.resumable(specification)
        self._alive = np.arange(self.count)
        width = (self.layout.actions.size,) if spaces[1].shape else ()
        idle = np.zeros((self.count, *width), np.int64)
        self._actions = self.layout.actions.outward(idle).copy()

    def reset(self, rows: Floats) -> None:
        """See `Lanes.reset`."""
        try:
            observations, _ = self._lanes.reset(seed=self._seed)
            self.layout.encode(observations, rows)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error
        self._seed = None
        self._alive = np.arange(self.count)

    def step(
        self, actions: Actions, rows: Floats, rewards: list[float]
    ) -> Ended | None:
        """See `Lanes.step`."""
        self._actions[self._alive] = self.layout.actions.outward(actions)
        try:
            observations, *results, _ = self._lanes.step(self._actions)
            reward, terminated, truncated = results
            rewards.extend(reward[self._alive].tolist())
            over = (terminated | truncated)[self._alive]
            ended = None
            if over.any():
                ended = Ended(over, terminated[self._alive])
                self._alive = self._alive[~over]
            self.layout.encode(observations[self._alive], rows[: len(self._alive)])
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error
        return ended

    def state(self) -> list[Any] | None:
        """See `Lanes.state`."""
        return generator_states(self._lanes) if self._resumable else None

    def restore(self, saved: list[Any]) -> None:
        """See `Lanes.restore`."""
        set_generator_states(self._lanes, saved)
        self._seed = None

    def close(self) -> None:
        """See `Lanes.close`."""
        self._lanes.close()


class EnvpoolLanes:
    """envpool's environments, a seed each; only those alive are stepped."""

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int]
    ) -> None:
        self.count = len(seeds)
        small = [seed % 2**31 for seed in seeds]
        self._lanes = environments.make_envpool(specification, small)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the precision of bounds
            spaces = self._lanes.observation_space, self._lanes.action_space
        self.layout = layout(*spaces)
        self._alive = np.arange(self.count, dtype=np.int32)

    def reset(self, rows: Floats) -> None:
        """See `Lanes.reset`."""
        try:
            observations, _ = self._lanes.reset()
            self.layout.encode(observations, rows)
        except Exception as error:  # a library may raise anything
            raise fault(error) from error
        self._alive = np.arange(self.count, dtype=np.int32)

    def step(
        self, actions: Actions, rows: Floats, rewards: list[float]
    ) -> Ended | None:
        """See `Lanes.step`."""
        outward = self.layout.actions.outward(actions)
        try:
            observations, reward, *ends, info = self._lanes.step(outward, self._alive)
            if (info["env_id"] != self._alive).any():
                raise EnvironmentFault("envpool returned its lanes in another order")
            rewards.extend(reward.tolist())
            terminated, truncated = ends
            over = terminated | truncated
            ended = None
            if over.any():
                ended = Ended(over, terminated)
                self._alive, observations = self._alive[~over], observations[~over]
            self.layout.encode(observations, rows[: len(self._alive)])
        except Exception as error:  # a library may raise anything
            raise fault(error) from error
        return ended

    def state(self) -> None:
        """See `Lanes.state`: the library does not hand out its generators."""

    def restore(self, saved: None) -> None:
        """See `Lanes.restore`."""

    def close(self) -> None:
        """See `Lanes.close`."""
        self._lanes.close()
