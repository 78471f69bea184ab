"""How a policy's actions become those of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from pgstudy.learning.environments.faults import UnusableEnvironment

Actions = npt.NDArray[Any]  # int64 [K] or [K, k], or float32 [K, k]


@dataclass(frozen=True)
class Finite:
    """Discrete actions: `size` of them, called `start`, start + 1, ... outside."""

    size: int
    start: int

    def first(self) -> Actions:
        """An action as a policy gives it: [1]."""
        return np.zeros(1, np.int64)

    def outward(self, actions: Actions) -> Actions:
        """The policy's actions [K] as the environment calls them."""
        return actions + self.start if self.start else actions

    def each(self, actions: Actions) -> list[np.int64]:
        """The same as K numbers, of the type that the space itself samples.

        Of a plain integer, `Discrete.contains` asks numpy for its limits at each step.
        """
        return list(self.outward(actions))


@dataclass(frozen=True)
class Several:
    """MultiDiscrete and MultiBinary actions: k discrete ones at once.

    sizes: how many there are of each; a policy has `size` outputs for all of them.
    """

    sizes: tuple[int, ...]
    space: spaces.MultiDiscrete | spaces.MultiBinary

    @property
    def size(self) -> int:
        """Of all of them together."""
        return sum(self.sizes)

    def first(self) -> Actions:
        """An action as a policy gives it: [1, k]."""
        return np.zeros((1, len(self.sizes)), np.int64)

    def outward(self, actions: Actions) -> Actions:
        """The policy's actions [K, k], each from 0, as the environment calls them."""
        shaped = actions.reshape(-1, *self.space.shape)
        started: Actions = (shaped + getattr(self.space, "start", 0)).astype(
            self.space.dtype
        )
        return started

    def each(self, actions: Actions) -> list[Actions]:
        """The same as K arrays."""
        return list(self.outward(actions))


@dataclass(frozen=True)
class Continuous:
    """Box actions, flattened to `size` numbers and clipped to the bounds outside."""

    space: spaces.Box

    @property
    def size(self) -> int:
        """Dimensions of an action."""
        return int(np.prod(self.space.shape))

    def first(self) -> Actions:
        """An action as a policy gives it: [1, size]."""
        return np.zeros((1, self.size))

    def outward(self, actions: Actions) -> Actions:
        """The policy's draws [K, size], in shape, type and bounds: [K, *shape]."""
        shaped = actions.reshape(-1, *self.space.shape)
        bounded: Actions = np.clip(shaped, self.space.low, self.space.high)
        return bounded.astype(self.space.dtype)

    def each(self, actions: Actions) -> list[Actions]:
        """The same as K arrays."""
        return list(self.outward(actions))


Kind = Finite | Several | Continuous


def actions_of(space: spaces.Space[Any]) -> Kind:
    """Errors: UnusableEnvironment, naming the space that no policy here fits."""
    if isinstance(space, spaces.Discrete):
        return Finite(int(space.n), int(space.start))
    if isinstance(space, spaces.MultiDiscrete):
        return Several(tuple(int(n) for n in space.nvec.ravel()), space)
    if isinstance(space, spaces.MultiBinary):
        return Several((2,) * int(np.prod(space.shape)), space)
    floating = np.issubdtype(space.dtype or object, np.floating)
    if isinstance(space, spaces.Box) and np.prod(space.shape) and floating:
        return Continuous(space)
    raise UnusableEnvironment(
        f"its actions are {space}; pgstudy has policies for Discrete, MultiDiscrete "
        "and MultiBinary actions, and for Box actions of floating-point numbers"
    )
