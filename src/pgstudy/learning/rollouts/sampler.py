"""Trajectories tau_i ~ p_theta(tau): N environments, each stepped to its own end.

The step loop touches numpy only. Taking the first N episodes to finish would favour
short ones, so a batch is always one episode of each of N environments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.parallel.environment_list import EnvironmentList
from pgstudy.learning.environments.spaces import Actions, Layout, Rows
from pgstudy.learning.policies.distributions import Actor, Policy, PolicyOverflow
from pgstudy.learning.rollouts.batch import Batch, require_finite
from pgstudy.learning.rollouts.noise import NoiseStream
from pgstudy.learning.rollouts.resolution import coarse_features


class Sampler:
    """Samples batches of trajectories, one per environment, from its policy as it then
    is.

    `coarse` says what float32 leaves of the features of the first batch, if that is
    little and the policy does not standardise them (see `resolution`).
    """

    def __init__(
        self,
        environments: EnvironmentList,
        policy: Policy,
        generator: np.random.Generator,
        max_episode_steps: int,
    ) -> None:
        self.environments = environments
        self.policy = policy
        self._cap = max_episode_steps
        self.noise = NoiseStream(policy.draw, generator)
        # the first batch stays exact, to see whether float32 will do for the others
        shape = (2 * environments.count, environments.layout.inputs)
        self._inputs: Rows = np.empty(shape, np.float64)
        self._standardises = policy.normaliser is not None
        self._first = True
        self.coarse: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """How the policy sees the environments."""
        return self.environments.layout

    def sample(self) -> Batch:
        """One trajectory per environment. Errors: EnvironmentFault, PolicyOverflow."""
        trace, used = _Trace(self.environments.count), 0
        self.environments.reset(self._inputs[: trace.alive])
        while trace.alive and len(trace.actions) < self._cap:
            used = self._stretch(trace, used)
        return trace.batch(self._kept(self._inputs[:used]))

    def _stretch(self, trace: _Trace, used: int) -> int:
        """Step those alive until one of them ends; `used`: rows of inputs so far.

        Views of a step's rows are made by iterating, all of them at once.
        """
        alive, before = trace.alive, len(trace.actions)
        act, step, rewards = self._actor(alive), self.environments.step, trace.rewards
        rows, noise = self._rows(used, alive), self.noise.ahead(alive)
        noise = noise[: self._cap - before]
        for now, then, drawn in zip(rows, rows[1:], noise, strict=False):
            try:
                actions = act(now, drawn)
            except PolicyOverflow:
                require_finite(now, "observation")
                raise
            ended = step(actions, then, rewards)
            trace.actions.append(actions)
            if ended is not None:
                trace.drop(*ended)
                break
        taken = alive * (len(trace.actions) - before)
        self.noise.skip(taken)
        return used + taken

    def _rows(self, used: int, alive: int) -> Rows:
        """Memory for a step, the one after it, and perhaps more: [K, alive, inputs]."""
        if used + 2 * alive > len(self._inputs):
            self._inputs = np.concatenate([self._inputs, np.empty_like(self._inputs)])
        left = self._inputs[used:]
        return left[: len(left) // alive * alive].reshape(-1, alive, left.shape[1])

    def _actor(self, alive: int) -> Actor:
        act = self.policy.actor(alive)
        if self._standardises or not self._first:
            return act
        return lambda rows, noise: act(rows.astype(np.float32), noise)

    def _kept(self, rows: Rows) -> Rows:
        """A copy of the batch's rows, of the type that the policy takes."""
        if self._first and not self._standardises:
            if not self.layout.one_hot:
                self.coarse = coarse_features(rows)
            self._inputs = np.empty(self._inputs.shape, np.float32)
        self._first = False
        return rows.astype(self._inputs.dtype)

    def state(self) -> dict[str, Any] | None:
        """See `Trainer.state`; None if that of the environments is unknown."""
        environments = self.environments.state()
        if environments is None:
            return None
        return {"environments": environments, "noise": self.noise.state()}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.environments.restore(saved["environments"])
        self.noise.restore(saved["noise"])

    def restart(self, seeds: Sequence[int], generator: np.random.Generator) -> bool:
        """Begin again with these, as if it were new; false where that can't be."""
        self.noise = NoiseStream(self.policy.draw, generator)
        return self.environments.restart(seeds)

    def close(self) -> None:
        """Close every environment."""
        self.environments.close()


class _Trace:
    """What a batch under way has seen so far."""

    def __init__(self, n: int) -> None:
        self.rewards: list[float] = []
        self.actions: list[Actions] = []
        self.alive = n
        self._alive = np.arange(n)
        self._lengths = np.zeros(n, np.int64)
        self._terminated = np.zeros(n, np.bool_)

    def drop(
        self, ended: npt.NDArray[np.bool_], terminated: npt.NDArray[np.bool_]
    ) -> None:
        """Some of those alive have ended."""
        self._lengths[self._alive[ended]] = len(self.actions)
        self._terminated[self._alive[terminated]] = True
        self._alive = self._alive[~ended]
        self.alive = len(self._alive)

    def batch(self, inputs: Rows) -> Batch:
        steps = len(self.actions)
        self._lengths[self._alive] = steps
        mask = np.arange(steps)[:, None] < self._lengths
        rewards = np.zeros(mask.shape)
        rewards[mask] = self.rewards  # by time, then trajectory, as recorded
        require_finite(inputs, "observation")
        require_finite(rewards, "reward")
        actions: Actions = np.concatenate(self.actions)
        return Batch(inputs, actions, rewards, mask, self._lengths, self._terminated)
