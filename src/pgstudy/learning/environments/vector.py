"""Lanes that are stepped in one call: Gymnasium's vector environments, and envpool."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments.layers import seed_spaces
from pgstudy.learning.environments.parallel import (
    Ended,
    fault,
    generator_states,
    set_generator_states,
)
from pgstudy.learning.environments.spaces import (
    Actions,
    EnvironmentFault,
    Rows,
    as_numbers,
    layout,
)
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
        self._resumable = environments.resumable(specification, self._lanes)
        self._alive = np.arange(self.count)
        width = (self.layout.actions.size,) if spaces[1].shape else ()
        idle = np.zeros((self.count, *width), np.int64)
        self._actions = self.layout.actions.outward(idle).copy()

    def reset(self, rows: Rows) -> None:
        """See `Lanes.reset`."""
        try:
            if self._seed is not None:
                seed_spaces(self._lanes, self._seed)
            observations, _ = self._lanes.reset(seed=self._seed)
            self.layout.encode(observations, rows)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error
        self._seed = None
        self._alive = np.arange(self.count)

    def step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """See `Lanes.step`."""
        self._actions[self._alive] = self.layout.actions.outward(actions)
        try:
            # a copy: an environment may keep what it is handed
            observations, *results, _ = self._lanes.step(self._actions.copy())
            reward, terminated, truncated = (_of(r, self._alive) for r in results)
            rewards.extend(as_numbers(reward, len(self._alive)))
            ended = _ended(terminated, truncated)
            if ended is not None:
                self._alive = self._alive[~ended.ended]
            observations = _of(observations, self._alive)
            self.layout.encode(observations, rows[: len(self._alive)])
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

    def reset(self, rows: Rows) -> None:
        """See `Lanes.reset`."""
        try:
            observations, _ = self._lanes.reset()
            self.layout.encode(observations, rows)
        except Exception as error:  # a library may raise anything
            raise fault(error) from error
        self._alive = np.arange(self.count, dtype=np.int32)

    def step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """See `Lanes.step`."""
        outward = self.layout.actions.outward(actions)
        try:
            observations, reward, *ends, info = self._lanes.step(outward, self._alive)
            if (info["env_id"] != self._alive).any():
                raise EnvironmentFault("envpool returned its lanes in another order")
            rewards.extend(as_numbers(reward, len(self._alive)))
            ended = _ended(*ends)
            if ended is not None:
                left = ~ended.ended
                self._alive, observations = self._alive[left], observations[left]
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


def _of(results: Any, alive: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What belongs to the lanes alive, copied: [K, ...]."""
    found: npt.NDArray[Any] = np.asarray(results)[alive]
    return found


def _ended(terminated: npt.ArrayLike, truncated: npt.ArrayLike) -> Ended | None:
    """None if no lane has ended."""
    by_terminating = np.array(terminated, np.bool_)
    over = by_terminating | np.asarray(truncated, np.bool_)
    return Ended(over, by_terminating) if over.any() else None
