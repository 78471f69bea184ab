"""What several runs have played on their lanes, each since its own batch began."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.parallel.lanes import Flags, Lanes
from pgstudy.learning.environments.spaces import Actions, Rows
from pgstudy.learning.rollouts.batch import Batch, require_finite

Steps = npt.NDArray[np.int64]

FIRST_STEPS = 64  # memory for so many steps; doubled when no old ones can be let go


class Tape:
    """A column for each of the L lanes of S runs, a row for each step of all of them.

    Lanes whose episode has ended stay as they are until their run begins again; what
    the environment says of them meanwhile is not looked at. Observations are kept as
    float64, rewards likewise.
    """

    def __init__(self, lanes: Lanes, runs: int) -> None:
        self._lanes, self._n = lanes, lanes.n
        count = runs * lanes.n
        self._rows: Rows = np.zeros((FIRST_STEPS + 1, count, lanes.layout.inputs))
        self._rewards: npt.NDArray[np.float64] = np.zeros((FIRST_STEPS, count))
        self._actions: Actions = np.zeros((0, count))  # of the first step's type
        self._at = 0
        self._starts: Steps = np.zeros(runs, np.int64)
        self._ends: Steps = np.zeros(count, np.int64)
        self._terminated: Flags = np.zeros(count, np.bool_)
        self._overflowed: Flags = np.zeros(count, np.bool_)
        self.alive: Flags = np.zeros(count, np.bool_)

    def begin(self, runs: Sequence[int]) -> None:
        """Start an episode in each lane of these runs. Errors: EnvironmentFault."""
        self._lanes.reset(runs, self._rows[self._at])
        for run in runs:
            lanes = self._columns(run)
            self._starts[run] = self._at
            self.alive[lanes] = True
            self._terminated[lanes] = self._overflowed[lanes] = False

    def steps(self) -> Steps:
        """Those that each run has played since it began: [S]."""
        return self._at - self._starts

    def playing(self) -> Flags:
        """Which runs have a lane alive: [S]."""
        lanes = self.alive.reshape(-1, self._n)
        found: Flags = np.logical_or.reduce(lanes, axis=1)
        return found

    def step(self, act: Callable[[Rows], Actions]) -> bool:
        """Take one step on the lanes alive. Returns whether some episode ended.

        Errors: EnvironmentFault.
        """
        self._make_room()
        at, self._at = self._at, self._at + 1
        actions, overflowed = self._without_overflow(act(self._rows[at]))
        if len(self._actions) < len(self._rewards):
            shape = (len(self._rewards), *actions.shape)
            grown = np.zeros(shape, actions.dtype)
            grown[: len(self._actions)] = self._actions.reshape(-1, *actions.shape)
            self._actions = grown
        self._actions[at] = actions
        if not self.alive.any():
            return overflowed
        to = self._rows[at + 1], self._rewards[at]
        terminated, truncated = self._lanes.step(actions, self.alive, *to)
        ended = self.alive & (terminated | truncated)
        if not ended.any():
            return overflowed
        self._terminated |= ended & terminated
        self._end(ended)
        return True

    def _without_overflow(self, actions: Actions) -> tuple[Actions, bool]:
        """0 where an action is not finite; a run that drew such a one ends."""
        if actions.dtype.kind != "f" or (finite := np.isfinite(actions)).all():
            return actions, False
        bad = self.alive & ~finite.all(-1)
        whole = bad.reshape(-1, self._n).any(1).repeat(self._n)
        self._overflowed |= whole
        self._end(self.alive & whole)
        return np.where(finite, actions, 0), True

    def _end(self, lanes: Flags) -> None:
        self._ends[lanes] = self._at
        self.alive = self.alive & ~lanes

    def _make_room(self) -> None:
        """Where the memory is full, let go of what no batch needs, or double it."""
        if self._at < len(self._rewards):
            return
        playing = self.playing()
        old = int(self._starts[playing].min()) if playing.any() else self._at
        if 2 * old >= len(self._rewards):
            for memory in (self._rows, self._rewards, self._actions):
                kept = memory[old:].copy()
                memory[: len(kept)] = kept
            self._at -= old
            self._starts -= old
            self._ends -= old
            return
        self._rewards = np.concatenate([self._rewards, np.zeros_like(self._rewards)])
        self._rows = np.concatenate([self._rows, np.zeros_like(self._rows[1:])])

    def batch(self, run: int) -> Batch | None:
        """What a run's lanes have played; None if its policy had no finite action.

        Inputs are float64. Errors: EnvironmentFault.
        """
        lanes, start = self._columns(run), int(self._starts[run])
        lengths = np.where(self.alive[lanes], self._at, self._ends[lanes]) - start
        last = start + int(lengths.max())
        mask = np.arange(last - start)[:, None] < lengths
        inputs = self._rows[start:last, lanes][mask]
        require_finite(inputs, "observation")
        if self._overflowed[lanes].any():
            return None
        rewards = np.where(mask, self._rewards[start:last, lanes], 0.0)
        require_finite(rewards, "reward")
        actions = self._actions[start:last, lanes][mask]
        terminated = self._terminated[lanes].copy()
        self.alive[lanes] = False
        return Batch(inputs, actions, rewards, mask, lengths, terminated)

    def _columns(self, run: int) -> slice:
        return slice(run * self._n, (run + 1) * self._n)
