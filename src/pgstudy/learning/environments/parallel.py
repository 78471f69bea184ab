"""N lanes to step at once, and the plain list of environments that steps them.

All kinds of lanes keep one rule: a lane is stepped to the end of its episode and then
left alone until the next `reset`, so that no row of an automatic reset is ever counted.
The other kinds are in `vector_lanes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments.layers import generators, seed_spaces
from pgstudy.learning.environments.spaces import (
    Actions,
    EnvironmentFault,
    Layout,
    Rows,
    as_number,
    layout,
)
from pgstudy.learning.specification import EnvironmentSpecification


class Ended(NamedTuple):
    """Which of the K lanes just stepped ended, and which of them by terminating."""

    ended: npt.NDArray[np.bool_]
    terminated: npt.NDArray[np.bool_]


class Lanes(Protocol):
    """N environments, of which those still in their episode are stepped."""

    layout: Layout
    count: int

    def reset(self, rows: Rows) -> None:
        """Start an episode in every lane; observations go to rows: [N, inputs]."""

    def step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """Step the K lanes that are alive.

        The observations of lanes that stay alive go to the first of rows: [K, inputs];
        K rewards are appended. Returns None if no lane ended.
        """

    def state(self) -> Any:
        """Between two episodes, all that the next ones depend on; None if unknown."""

    def restore(self, saved: Any) -> None:
        """The inverse of `state`, for new lanes."""

    def close(self) -> None:
        """Let go of the environments."""


def make_lanes(specification: EnvironmentSpecification, seeds: Sequence[int]) -> Lanes:
    """One lane per seed. Errors: UnusableEnvironment."""
    environments.load_code(specification)
    if specification.vectorize is False:
        return ListLanes(specification, seeds)
    from pgstudy.learning.environments import (
        vector as vector_lanes,  # late: it builds on this module
    )

    if specification.vectorize == "envpool":
        return vector_lanes.EnvpoolLanes(specification, seeds)
    return vector_lanes.VectorLanes(specification, seeds)


class ListLanes:
    """A plain list of environments; each is seeded once, at its first reset."""

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int]
    ) -> None:
        self.count = len(seeds)
        self._lanes = [environments.make(specification) for _ in seeds]
        first = self._lanes[0]
        self.layout = layout(first.observation_space, first.action_space)
        self._seeds: Sequence[int | None] = seeds
        self._resumable = environments.resumable(specification, first)
        self._steps: list[Callable[[Any], Any]] = []
        self._write = self.layout.write if self.layout.reshapes else None

    def reset(self, rows: Rows) -> None:
        """See `Lanes.reset`."""
        try:
            for lane, seed, row in zip(self._lanes, self._seeds, rows, strict=True):
                if seed is not None:
                    seed_spaces(lane, seed)
                observation, _ = lane.reset(seed=seed)
                if seed is not None:
                    _require_shape(observation, lane.observation_space.shape)
                self.layout.write(observation, row)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error
        self._seeds = [None] * self.count
        self._steps = [lane.step for lane in self._lanes]

    def step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """See `Lanes.step`."""
        outward = self.layout.actions.each(actions)
        first, row, width = len(rewards), 0, self.layout.inputs
        ends: list[tuple[int, bool]] = []
        try:
            for step, action in zip(self._steps, outward):  # noqa: B905
                observation, reward, terminated, truncated, _ = step(action)
                # a number, now: what an environment hands out it may overwrite
                rewards.append(
                    reward if isinstance(reward, float) else as_number(reward)
                )
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
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error
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
        """See `Lanes.state`."""
        if not self._resumable:
            return None
        return [generator_states(lane) for lane in self._lanes]

    def restore(self, saved: list[list[Any]]) -> None:
        """See `Lanes.restore`."""
        for lane, states in zip(self._lanes, saved, strict=True):
            set_generator_states(lane, states)
        self._seeds = [None] * self.count

    def close(self) -> None:
        """See `Lanes.close`."""
        for lane in self._lanes:
            lane.close()


def generator_states(environment: Any) -> list[Any]:
    """The states of all generators of an environment."""
    found = generators(environment)
    return [generator.bit_generator.state for generator in found]


def set_generator_states(environment: Any, states: list[Any]) -> None:
    """The inverse of `generator_states`."""
    found = generators(environment)
    for generator, state in zip(found, states, strict=True):
        generator.bit_generator.state = state


def _require_shape(observation: Any, shape: tuple[int, ...] | None) -> None:
    if np.shape(observation) != shape:
        found = np.shape(observation)
        wrong = f"an observation of shape {found}, and its space says {shape}"
        raise EnvironmentFault(f"the environment gave {wrong}")


def fault(error: Exception) -> EnvironmentFault:
    """What an environment raised, as the reason why a run ends."""
    if isinstance(error, EnvironmentFault):
        return error
    return EnvironmentFault(f"the environment raised {type(error).__name__}: {error}")
