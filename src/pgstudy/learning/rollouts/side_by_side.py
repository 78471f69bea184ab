"""Trajectories of several runs at once: N lanes for each run, stepped together.

One step of all lanes costs little more than one of a few. A run that has its batch
learns from it and begins the next, while the others play on.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pgstudy.learning.environments.parallel.lanes import Lanes
from pgstudy.learning.environments.spaces import Floats, Layout, Rows
from pgstudy.learning.policies.distributions import Policy, PolicyOverflow
from pgstudy.learning.policies.stack import Stack
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.rollouts.noise import NoiseStream
from pgstudy.learning.rollouts.resolution import coarse_features
from pgstudy.learning.rollouts.tape import Tape

AHEAD = 64  # steps of noise that are stacked at a time

Played = tuple[int, Batch | PolicyOverflow]


class SideBySide:
    """Samples batches of trajectories for runs, each from its own policy."""

    def __init__(
        self,
        lanes: Lanes,
        policies: Sequence[Policy],
        generators: Sequence[np.random.Generator],
        cap: int,
    ) -> None:
        self.lanes = lanes
        every = enumerate(zip(policies, generators, strict=True))
        self.players = [Player(self, i, *each) for i, each in every]
        self._open = set(range(len(policies)))
        self._cap = cap
        self._stack = Stack(policies, lanes.n)
        self._tape = Tape(lanes, len(policies))
        shape = (AHEAD, len(policies), lanes.n, policies[0].noise_width)
        self._noise: Floats = np.zeros(shape, np.float32)
        self._drawn = AHEAD  # steps of it that have been played

    def play(self, fresh: Sequence[int]) -> list[Played]:
        """Begin a batch for these runs; play until some of all runs have theirs.

        PolicyOverflow instead of a batch where a policy had no finite action.
        Errors: EnvironmentFault.
        """
        for run in fresh:
            self._stack.put(run, self.players[run].policy)
        self._tape.begin(fresh)
        playing = self._tape.playing()
        left = self._cap - int(self._tape.steps()[playing].max())
        ended = False
        while not ended and left > 0:
            if self._drawn == AHEAD:
                self._draw(playing)
            noise = self._noise[self._drawn]
            self._drawn += 1
            left -= 1
            ended = self._tape.step(functools.partial(self._stack.act, noise=noise))
            ended = ended and bool((playing & ~self._tape.playing()).any())
        over = playing & (~self._tape.playing() | (self._tape.steps() >= self._cap))
        return [
            (run, self.players[run].outcome()) for run in np.flatnonzero(over).tolist()
        ]

    def _draw(self, playing: Rows) -> None:
        """Stack the noise of the next steps, a run's own in each."""
        for run in np.flatnonzero(playing).tolist():
            player = self.players[run]
            player.note_noise(self._drawn)
            self._noise[:, run] = player.noise.ahead(self.lanes.n, AHEAD)[:AHEAD]
            player.noted = 0
        self._drawn = 0

    def batch(self, run: int) -> Batch | None:
        """What a run has played; its noise is used up to there."""
        self.players[run].note_noise(self._drawn)
        return self._tape.batch(run)

    def forget_noise(self) -> None:
        """The noise that was stacked is not that of the next steps any more."""
        self._drawn = AHEAD
        for player in self.players:
            player.noted = AHEAD

    def leave(self, run: int) -> None:
        """A run plays no more; with the last one the environments are let go."""
        self._open.discard(run)
        if not self._open:
            self.lanes.close()


class Player:
    """One run's share: a sampler of its trajectories, see `rollouts.sampler`.

    `noted`: the steps of stacked noise that its stream knows to be used.
    """

    def __init__(
        self,
        group: SideBySide,
        run: int,
        policy: Policy,
        generator: np.random.Generator,
    ) -> None:
        self.group = group
        self.run = run
        self.policy = policy
        self.noise = NoiseStream(policy.draw, generator)
        self.noted = AHEAD
        self.coarse: tuple[str, ...] = ()
        self._first = True

    @property
    def layout(self) -> Layout:
        """How the policy sees the environments."""
        return self.group.lanes.layout

    def sample(self) -> Batch:
        """A batch for this run alone. Errors: EnvironmentFault, PolicyOverflow."""
        ((_, outcome),) = self.group.play([self.run])
        if isinstance(outcome, PolicyOverflow):
            raise outcome
        return outcome

    def outcome(self) -> Batch | PolicyOverflow:
        """Its batch, with inputs as the policy takes them. Errors: EnvironmentFault."""
        batch = self.group.batch(self.run)
        if batch is None:
            return PolicyOverflow()
        if self.policy.normaliser is not None:
            return batch
        # the first batch shows whether float32 will do
        if self._first and not self.layout.one_hot:
            self.coarse = coarse_features(batch.inputs)
        self._first = False
        return replace(batch, inputs=batch.inputs.astype(np.float32))

    def note_noise(self, drawn: int) -> None:
        """So many steps of the stacked noise have been played."""
        self.noise.skip(self.group.lanes.n * (drawn - self.noted))
        self.noted = drawn

    def state(self) -> dict[str, Any] | None:
        """See `Trainer.state`; None if that of the environments is unknown."""
        environments = self.group.lanes.state(self.run)
        if environments is None:
            return None
        return {"environments": environments, "noise": self.noise.state()}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`, before anything is played."""
        self.group.lanes.restore(self.run, saved["environments"])
        self.noise.restore(saved["noise"])
        self.group.forget_noise()

    def close(self) -> None:
        """See `SideBySide.leave`."""
        self.group.leave(self.run)
