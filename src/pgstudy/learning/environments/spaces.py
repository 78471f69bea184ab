"""How a policy sees an environment's observations, and how its actions get there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from pgstudy.learning.environments.actions import Actions, Kind, actions_of
from pgstudy.learning.environments.faults import EnvironmentFault, UnusableEnvironment

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[Any]  # float32; float64 until a policy has standardised them
COMPOSED = (spaces.Dict, spaces.Tuple, spaces.MultiDiscrete)

__all__ = ["Actions", "Floats", "Layout", "Rows", "layout"]


@dataclass(frozen=True)
class Layout:
    """How observations become rows of a policy's inputs, and what its actions are.

    `inputs`: the width of a row; integers are shown one-hot; `reshapes`: whether an
    observation is anything but such a row already; `composed`: whether it is several
    parts, which are flattened as `gymnasium.spaces.flatten` does.
    `observations`: the space itself.
    """

    inputs: int
    one_hot: bool
    first_observation: int
    reshapes: bool
    composed: bool
    actions: Kind
    observations: spaces.Space[Any]

    def write(self, observation: Any, row: Rows) -> None:
        """Write one observation, of any kind, into a row: [inputs]."""
        if self.composed:
            row[:] = self._flattened(observation)
            return
        if not self.one_hot:
            row[:] = np.reshape(observation, row.shape)
            return
        state = int(observation) - self.first_observation
        if not 0 <= state < self.inputs or int(observation) != observation:
            raise EnvironmentFault(f"the environment gave observation {observation}")
        row.fill(0)
        row[state] = 1

    def _flattened(self, observation: Any) -> Any:
        try:
            sound = _fits(self.observations, observation)
            flat = spaces.flatten(self.observations, observation) if sound else None
        except (TypeError, ValueError, LookupError):
            flat = None
        if flat is None:
            outside = f"an observation that is not in its space: {observation}"
            raise EnvironmentFault(f"the environment gave {outside}")
        return flat

    def encode(self, observations: npt.ArrayLike, rows: Rows) -> None:
        """Write K observations into rows: [K, inputs]."""
        if not self.one_hot:
            rows[:] = np.asarray(observations).reshape(rows.shape)
            return
        rows.fill(0)
        states = np.asarray(observations) - self.first_observation
        if outside := states[(states < 0) | (states >= self.inputs)].tolist():
            found = outside[0] + self.first_observation
            raise EnvironmentFault(f"the environment gave observation {found}")
        rows[np.arange(len(rows)), states] = 1


def _fits(space: spaces.Space[Any], value: Any) -> bool:
    """Whether flattening gives what was meant: integers are in bounds, boxes in shape.

    As for a plain Box, neither type nor bounds of its numbers matter.
    """
    if isinstance(space, spaces.Dict):
        named = all(_fits(part, value[name]) for name, part in space.items())
        return named and len(value) == len(space)
    if isinstance(space, spaces.Tuple):
        pairs = zip(space, value, strict=True)
        return all(_fits(part, one) for part, one in pairs)
    if isinstance(space, spaces.Box | spaces.MultiBinary):
        return bool(np.shape(value) == space.shape)
    whole = np.asarray(value, space.dtype)
    return bool(np.array_equal(whole, value) and space.contains(whole))


def layout(observations: spaces.Space[Any], actions: spaces.Space[Any]) -> Layout:
    """Errors: UnusableEnvironment, naming the space that no policy here fits."""
    return Layout(*_inputs(observations), actions_of(actions), observations)


def _inputs(space: spaces.Space[Any]) -> tuple[int, bool, int, bool, bool]:
    if isinstance(space, spaces.Discrete):
        return int(space.n), True, int(space.start), True, False
    plain = isinstance(space, spaces.Box | spaces.MultiBinary)
    if plain and space.shape and np.prod(space.shape):
        return int(np.prod(space.shape)), False, 0, len(space.shape) > 1, False
    if isinstance(space, COMPOSED) and space.is_np_flattenable and _numbers(space):
        return spaces.flatdim(space), False, 0, True, True
    raise UnusableEnvironment(
        f"its observations are {space}; pgstudy has policies for Discrete, Box, "
        "MultiDiscrete and MultiBinary observations, and for Dict and Tuple of these"
    )


def _numbers(space: spaces.Space[Any]) -> bool:
    """Whether the parts of a space are numbers: of a text, letters would be codes."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = space.values() if isinstance(space, spaces.Dict) else space
        return len(space) > 0 and all(map(_numbers, parts))
    known = (spaces.Discrete, spaces.Box, spaces.MultiDiscrete, spaces.MultiBinary)
    return isinstance(space, known)
