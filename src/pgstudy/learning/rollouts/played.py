"""A batch under way on the lanes of several runs."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.parallel.lanes import Flags, Lanes
from pgstudy.learning.environments.spaces import Actions, Rows


class Played:
    """What a batch under way has seen so far, on the L lanes of S runs.

    Of a lane that is not alive any more, whatever it is given is left alone.
    """

    def __init__(self, steps: int, runs: int, lanes: Lanes, exact: bool) -> None:
        self._n, count = lanes.n, runs * lanes.n
        kind = np.float64 if exact else np.float32
        self.rows: Rows = np.zeros((steps + 1, count, lanes.layout.inputs), kind)
        self.rewards: npt.NDArray[np.float64] = np.zeros((steps, count))
        self.actions: list[Actions] = []
        self.steps = 0
        self.alive: Flags = np.ones(count, np.bool_)
        self.terminated: Flags = np.zeros(count, np.bool_)
        self.overflowed: Flags = np.zeros(count, np.bool_)
        self._ended = np.zeros(count, np.int64)

    @functools.cached_property
    def taken(self) -> Actions:
        """All actions, once no more are taken: [T, L] or [T, L, k]."""
        return np.array(self.actions)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Steps of each lane so far: [L]."""
        return np.where(self.alive, self.steps, self._ended)

    def last_steps(self) -> list[int]:
        """Those of the longest of each run's lanes: S numbers."""
        found: list[int] = self.lengths.reshape(-1, self._n).max(1).tolist()
        return found

    def step(self, lanes: Lanes, act: Callable[[Rows], Actions]) -> None:
        """Take one step on the lanes alive. Errors: EnvironmentFault."""
        if self.steps == len(self.rewards):
            self.rewards = np.concatenate([self.rewards, np.zeros_like(self.rewards)])
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows[1:])])
        at, self.steps = self.steps, self.steps + 1
        actions = act(self.rows[at])
        if actions.dtype.kind == "f":
            actions = self._without_overflow(actions)
        self.actions.append(actions)
        to = self.rows[at + 1], self.rewards[at]
        terminated, truncated = lanes.step(actions, self.alive, *to)
        ended = terminated | truncated
        if ended.any():
            self.terminated |= self.alive & terminated
            self._end(ended)

    def _without_overflow(self, actions: Actions) -> Actions:
        """0 where an action is not finite; a run that drew such a one ends."""
        finite = np.isfinite(actions)
        if finite.all():
            return actions
        bad = self.alive & ~finite.all(-1)
        whole = bad.reshape(-1, self._n).any(1).repeat(self._n)
        self.overflowed |= whole
        self._end(whole)
        return np.where(finite, actions, 0)

    def _end(self, lanes: Flags) -> None:
        self._ended[self.alive & lanes] = self.steps
        self.alive = self.alive & ~lanes
