"""Trajectories of several runs at once: N lanes for each run, stepped together.

All runs that play begin a batch at the same time, and wait until the last of their
episodes has ended. One step of all lanes costs little more than one of a few.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgstudy.learning.environments.parallel.lanes import Lanes
from pgstudy.learning.environments.spaces import Layout, Rows
from pgstudy.learning.policies.distributions import Policy, PolicyOverflow
from pgstudy.learning.policies.resolution import coarse_features
from pgstudy.learning.policies.stack import Stack
from pgstudy.learning.rollouts.batch import Batch, require_finite
from pgstudy.learning.rollouts.noise import NoiseStream
from pgstudy.learning.rollouts.played import Played

AHEAD = 64  # steps of noise that are stacked at a time
FIRST_STEPS = 64  # memory for so many steps of a batch; doubled when they are full


class SideBySide:
    """Samples a batch of trajectories for each run that asks, from its own policy."""

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
        self._steps = FIRST_STEPS

    def sample(self, runs: Sequence[int]) -> list[Batch | PolicyOverflow]:
        """A batch for each of these runs; PolicyOverflow where a policy gave none.

        Errors: EnvironmentFault.
        """
        players = [self.players[run] for run in runs]
        exact = any(player.exact for player in players)
        played = Played(self._steps, len(runs), self.lanes, exact)
        stack = Stack([player.policy for player in players], self.lanes.n)
        self.lanes.reset(runs, played.rows[0])
        while played.alive.any() and played.steps < self._cap:
            self._stretch(played, players, stack)
        self._steps = len(played.rewards)  # grown, for the next batch
        return [player.outcome(played, i) for i, player in enumerate(players)]

    def _stretch(self, played: Played, players: Sequence[Player], stack: Stack) -> None:
        """Play the steps that noise is stacked for, or fewer if all lanes have ended.

        A run's noise is used up to its own last step.
        """
        n, before = self.lanes.n, played.steps
        ahead = [player.noise.ahead(n, AHEAD)[:AHEAD] for player in players]
        noise = np.stack(ahead, axis=1)  # [AHEAD, S, N, width]
        for drawn in noise[: self._cap - before]:
            played.step(self.lanes, functools.partial(stack.act, noise=drawn))
            if not played.alive.any():
                break
        for player, last in zip(players, played.last_steps(), strict=True):
            player.noise.skip(n * max(0, last - before))

    def leave(self, run: int) -> None:
        """A run plays no more; with the last one the environments are let go."""
        self._open.discard(run)
        if not self._open:
            self.lanes.close()


class Player:
    """One run's share: a sampler of its trajectories, see `rollout.Sampler`.

    `exact`: whether its next batch is to stay float64, as a policy that standardises
    wants it, or to see in the first whether float32 will do for the others.
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
        self.coarse: tuple[str, ...] = ()
        self.exact = True

    @property
    def layout(self) -> Layout:
        """See `rollout.Sampler`."""
        return self.group.lanes.layout

    def sample(self) -> Batch:
        """A batch for this run alone. Errors: EnvironmentFault, PolicyOverflow."""
        (outcome,) = self.group.sample([self.run])
        if isinstance(outcome, PolicyOverflow):
            raise outcome
        return outcome

    def outcome(self, played: Played, i: int) -> Batch | PolicyOverflow:
        """What its lanes have played, as the i-th run. Errors: EnvironmentFault."""
        n = self.group.lanes.n
        lanes = slice(i * n, (i + 1) * n)
        lengths = played.lengths[lanes]
        steps = int(lengths.max())
        mask = np.arange(steps)[:, None] < lengths
        inputs = played.rows[:steps, lanes][mask]
        require_finite(inputs, "observation")
        if played.overflowed[lanes].any():
            return PolicyOverflow()
        rewards = np.where(mask, played.rewards[:steps, lanes], 0.0)
        require_finite(rewards, "reward")
        actions = played.taken[:steps, lanes][mask]
        terminated = played.terminated[lanes]
        return Batch(self._kept(inputs), actions, rewards, mask, lengths, terminated)

    def _kept(self, inputs: Rows) -> Rows:
        """The inputs in the type that the policy takes."""
        if self.policy.normaliser is not None:
            return inputs
        if self.exact and not self.layout.one_hot:
            self.coarse = coarse_features(inputs)
        self.exact = False
        return inputs.astype(np.float32, copy=False)

    def state(self) -> dict[str, Any] | None:
        """See `Trainer.state`; None if that of the environments is unknown."""
        environments = self.group.lanes.state(self.run)
        if environments is None:
            return None
        return {"environments": environments, "noise": self.noise.state()}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.group.lanes.restore(self.run, saved["environments"])
        self.noise.restore(saved["noise"])

    def close(self) -> None:
        """See `SideBySide.leave`."""
        self.group.leave(self.run)
