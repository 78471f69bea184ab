"""How a policy sees an environment's observations, and how its actions get there."""

from __future__ import annotations

import contextlib
import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[Any]  # float32; float64 until a policy has standardised them
Actions = npt.NDArray[Any]  # int64 [K], or float32 [K, k]

SCALARS = (int, np.integer, np.floating, np.bool_)
NUMERIC = "biufO"  # numpy's letters; O may be a number that numpy does not know


class UnusableEnvironment(ValueError):
    """An environment that a study can't use; the message says why and what to do."""


class EnvironmentFault(RuntimeError):
    """An environment raised, or handed out what no training can use."""


def fault(error: BaseException) -> EnvironmentFault:
    """What an environment raised, as the reason why a run ends."""
    if isinstance(error, EnvironmentFault):
        return error
    return EnvironmentFault(f"the environment raised {type(error).__name__}: {error}")


@dataclass(frozen=True)
class Finite:
    """Discrete actions: `size` of them, called `start`, start + 1, ... outside."""

    size: int
    start: int

    def outward(self, actions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The policy's actions [K] as the environment calls them."""
        return actions + self.start if self.start else actions

    def each(self, actions: npt.NDArray[Any]) -> list[np.int64]:
        """The same as K numbers, of the type that the space itself samples.

        Of a plain integer, `Discrete.contains` asks numpy for its limits at each step.
        """
        return list(self.outward(actions))


@dataclass(frozen=True)
class Continuous:
    """Box actions, flattened to `size` numbers and clipped to the bounds outside."""

    space: spaces.Box

    @property
    def size(self) -> int:
        """Dimensions of an action."""
        return int(np.prod(self.space.shape))

    def outward(self, actions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The policy's draws [K, size], in shape, type and bounds: [K, *shape]."""
        shaped = actions.reshape(-1, *self.space.shape)
        bounded: npt.NDArray[Any] = np.clip(shaped, self.space.low, self.space.high)
        return bounded.astype(self.space.dtype)

    def each(self, actions: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """The same as K arrays."""
        return list(self.outward(actions))


@dataclass(frozen=True)
class Layout:
    """How observations become rows of a policy's inputs, and what its actions are.

    `inputs`: the width of a row; integers are shown one-hot; `reshapes`: whether an
    observation is anything but such a row already.
    """

    inputs: int
    one_hot: bool
    first_observation: int
    reshapes: bool
    actions: Finite | Continuous

    def write(self, observation: Any, row: Rows) -> None:
        """Write one observation, of any kind, into a row: [inputs]."""
        if not self.one_hot:
            row[:] = np.reshape(observation, row.shape)
            return
        state = int(observation) - self.first_observation
        if not 0 <= state < self.inputs or int(observation) != observation:
            raise EnvironmentFault(f"the environment gave observation {observation}")
        row.fill(0)
        row[state] = 1

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


def as_number(reward: Any) -> float:
    """One reward, of whatever numeric type, as it is now. Errors: EnvironmentFault."""
    if isinstance(reward, SCALARS):
        return float(reward)
    return as_numbers(reward, 1)[0]


def as_numbers(rewards: Any, count: int) -> list[float]:
    """K rewards in an array of any shape and type. Errors: EnvironmentFault."""
    array = np.asarray(rewards)
    if array.dtype.kind in NUMERIC and array.size == count:
        with contextlib.suppress(TypeError, ValueError):
            return [float(one) for one in array.ravel().tolist()]
    found = reprlib.repr(rewards)
    raise EnvironmentFault(
        f"the environment gave a reward that is not a number: {found}"
    )


def layout(observations: spaces.Space[Any], actions: spaces.Space[Any]) -> Layout:
    """Errors: UnusableEnvironment, naming the space that no policy here fits."""
    return Layout(*_inputs(observations), _actions(actions))


def _inputs(space: spaces.Space[Any]) -> tuple[int, bool, int, bool]:
    if isinstance(space, spaces.Discrete):
        return int(space.n), True, int(space.start), True
    if isinstance(space, spaces.Box) and np.prod(space.shape) and space.shape:
        return int(np.prod(space.shape)), False, 0, len(space.shape) > 1
    raise UnusableEnvironment(
        f"its observations are {space}; pgstudy has policies for Discrete and Box "
        "observations (gymnasium.wrappers.FlattenObservation may help, in a module "
        "named under 'register')"
    )


def _actions(space: spaces.Space[Any]) -> Finite | Continuous:
    if isinstance(space, spaces.Discrete):
        return Finite(int(space.n), int(space.start))
    floating = np.issubdtype(space.dtype or object, np.floating)
    if isinstance(space, spaces.Box) and np.prod(space.shape) and floating:
        return Continuous(space)
    raise UnusableEnvironment(
        f"its actions are {space}; pgstudy has policies for Discrete actions and for "
        "Box actions of floating-point numbers"
    )
