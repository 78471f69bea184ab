"""Trajectories tau_i ~ p_theta(tau): N environments, each stepped to its own end.

The step loop touches numpy only. Taking the first N episodes to finish would favour
short ones, so a batch is always one episode of each of N environments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.parallel.base import ParallelEnvironments
from pgstudy.learning.environments.spaces import Actions, EnvironmentFault, Floats, Rows
from pgstudy.learning.policies.distributions import Policy, PolicyOverflow
from pgstudy.learning.policies.resolution import coarse_features

NOISE_CHUNK = 4096


@dataclass(frozen=True)
class Batch:
    """N trajectories of at most T steps, M steps in all, ordered by time, then
    trajectory.

    inputs: [M, inputs] and actions: [M] or [M, k], as the policy knows them (float32
    inputs, or float64 where it standardises them);
    rewards: [T, N], 0 after a trajectory's end; mask: [T, N], True where a step was
    taken, so that x[mask]: [M]; lengths: [N]; terminated: [N] (False: cut at the cap).
    """

    inputs: Rows
    actions: Actions
    rewards: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]
    lengths: npt.NDArray[np.int64]
    terminated: npt.NDArray[np.bool_]

    @cached_property
    def returns(self) -> npt.NDArray[np.float64]:
        """Undiscounted sums of rewards: [N]."""
        returns: npt.NDArray[np.float64] = self.rewards.sum(0)
        return returns


class NoiseStream:
    """Rows of one stream of noise, drawn ahead in chunks from one generator."""

    def __init__(
        self,
        draw: Callable[[np.random.Generator, int], Floats],
        generator: np.random.Generator,
    ) -> None:
        self._draw = draw
        self._generator = generator
        self._rows = draw(generator, 0)
        self._used = 0

    def take(self, count: int) -> Floats:
        """The next rows of the stream: [count, width]."""
        if self._used + count > len(self._rows):
            fresh = self._draw(self._generator, max(NOISE_CHUNK, count))
            self._rows = np.concatenate([self._rows[self._used :], fresh])
            self._used = 0
        self._used += count
        return self._rows[self._used - count : self._used]

    def state(self) -> dict[str, Any]:
        """See `Trainer.state`."""
        generator = self._generator.bit_generator.state
        return {"generator": generator, "rows": self._rows[self._used :]}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._generator.bit_generator.state = saved["generator"]
        self._rows, self._used = saved["rows"], 0


class Sampler:
    """Samples batches of trajectories, one per environment, from its policy as it then
    is.

    `coarse` says what float32 leaves of the features of the first batch, if that is
    little and the policy does not standardise them (see `resolution`).
    """

    def __init__(
        self,
        environments: ParallelEnvironments,
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

    def sample(self) -> Batch:
        """One trajectory per environment. Errors: EnvironmentFault, PolicyOverflow."""
        environments, act, take = self.environments, self._act(), self.noise.take
        inputs, used, alive = self._inputs, 0, environments.count
        trace, step = _Trace(alive), environments.step
        environments.reset(inputs[:alive])
        for _ in range(self._cap):
            try:
                actions = act(inputs[used : used + alive], take(alive))
            except PolicyOverflow:
                _require_finite(inputs[: used + alive], "observation")
                raise
            used += alive
            if used + alive > len(inputs):
                inputs = np.concatenate([inputs, np.empty_like(inputs)])
            ended = step(actions, inputs[used : used + alive], trace.rewards)
            trace.actions.append(actions)
            if ended is not None:
                alive = trace.drop(*ended)
                if alive == 0:
                    break
        self._inputs = inputs  # grown, for the next batch
        return trace.batch(self._kept(inputs[:used]))

    def _act(self) -> Callable[[Rows, Floats], Actions]:
        act = self.policy.act
        if self._standardises or not self._first:
            return act
        return lambda rows, noise: act(rows.astype(np.float32), noise)

    def _kept(self, rows: Rows) -> Rows:
        """A copy of the batch's rows, of the type that the policy takes."""
        if self._first and not self._standardises:
            if not self.environments.layout.one_hot:
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

    def close(self) -> None:
        """Close every environment."""
        self.environments.close()


class _Trace:
    """What a batch under way has seen so far."""

    def __init__(self, n: int) -> None:
        self.rewards: list[float] = []
        self.actions: list[Actions] = []
        self._alive = np.arange(n)
        self._lengths = np.zeros(n, np.int64)
        self._terminated = np.zeros(n, np.bool_)

    def drop(
        self, ended: npt.NDArray[np.bool_], terminated: npt.NDArray[np.bool_]
    ) -> int:
        """Some of those alive have ended. Returns how many are left."""
        self._lengths[self._alive[ended]] = len(self.actions)
        self._terminated[self._alive[terminated]] = True
        self._alive = self._alive[~ended]
        return len(self._alive)

    def batch(self, inputs: Rows) -> Batch:
        steps = len(self.actions)
        self._lengths[self._alive] = steps
        mask = np.arange(steps)[:, None] < self._lengths
        rewards = np.zeros(mask.shape)
        rewards[mask] = self.rewards  # by time, then trajectory, as recorded
        _require_finite(inputs, "observation")
        _require_finite(rewards, "reward")
        actions: Actions = np.concatenate(self.actions)
        return Batch(inputs, actions, rewards, mask, self._lengths, self._terminated)


def _require_finite(numbers: npt.NDArray[np.floating], what: str) -> None:
    if not np.isfinite(numbers).all():
        raise EnvironmentFault(f"the environment gave a non-finite {what}")
