"""Trajectories tau_i ~ p_theta(tau): N environments, each stepped to its own end.

The step loop touches numpy only. Taking the first N episodes to finish would favour
short ones, so a batch is always N lanes, one episode each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning import environments
from pgstudy.learning.policies import CategoricalPolicy, Floats

NOISE_CHUNK = 4096


class EnvironmentFault(RuntimeError):
    """An environment handed out numbers that no training can use."""


@dataclass(frozen=True)
class Batch:
    """N trajectories with M steps in all, ordered by time step.

    inputs: [M, inputs], actions: [M], lanes: [M] (which trajectory a step is of),
    returns: [N] undiscounted, lengths: [N], terminated: [N] (False: cut at the cap).
    """

    inputs: Floats
    actions: npt.NDArray[np.int64]
    lanes: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]
    terminated: npt.NDArray[np.bool_]


class GumbelNoise:
    """Rows of standard Gumbel noise, drawn ahead in chunks from one generator.

    argmax(logits + noise) is a draw from softmax(logits) (the Gumbel-max trick).
    """

    def __init__(self, actions: int, generator: np.random.Generator) -> None:
        self._actions = actions
        self._generator = generator
        self._rows: Floats = np.empty((0, actions), np.float32)
        self._used = 0

    def take(self, count: int) -> Floats:
        """The next rows of the stream. Returns [count, actions]."""
        if self._used + count > len(self._rows):
            shape = (max(NOISE_CHUNK, count), self._actions)
            fresh = self._generator.standard_exponential(shape, dtype=np.float32)
            with np.errstate(divide="ignore"):  # log 0 -> noise +inf: that action wins
                fresh = -np.log(fresh)
            self._rows = np.concatenate([self._rows[self._used :], fresh])
            self._used = 0
        self._used += count
        return self._rows[self._used - count : self._used]


class Sampler:
    """Samples batches of trajectories, one per lane, from the policy as it then is.

    Each lane is seeded once, at its first reset, from `seeds`: [N].
    """

    def __init__(
        self,
        lanes: Sequence[environments.Environment],
        seeds: Sequence[int],
        actions: np.random.Generator,
        max_episode_steps: int,
    ) -> None:
        self._lanes = lanes
        self._seeds: Sequence[int | None] = seeds
        self._cap = max_episode_steps
        self._width = environments.observation_size(lanes[0])
        self._encode = _encoder(lanes[0])
        self._first_action = int(getattr(lanes[0].action_space, "start", 0))
        self._noise = GumbelNoise(environments.action_count(lanes[0]), actions)

    def sample(self, policy: CategoricalPolicy) -> Batch:
        """One trajectory per lane. Errors: EnvironmentFault on a non-finite number."""
        record = _Record(len(self._lanes))
        alive = list(range(len(self._lanes)))
        inputs = self._reset()
        for _ in range(self._cap):
            logits = policy.logits(inputs)
            logits += self._noise.take(len(alive))
            actions = logits.argmax(axis=1).tolist()
            record.add(inputs, actions, alive)
            inputs, alive = self._step(alive, actions, record)
            if not alive:
                break
        return record.batch()

    def close(self) -> None:
        """Close every lane."""
        for lane in self._lanes:
            lane.close()

    def _reset(self) -> Floats:
        inputs = np.zeros((len(self._lanes), self._width), np.float32)
        for row, (lane, seed) in enumerate(zip(self._lanes, self._seeds, strict=True)):
            observation, _ = lane.reset(seed=seed)
            self._encode(inputs, row, observation)
        self._seeds = [None] * len(self._lanes)
        return inputs

    def _step(
        self, alive: list[int], actions: list[int], record: _Record
    ) -> tuple[Floats, list[int]]:
        inputs = np.zeros((len(alive), self._width), np.float32)
        still_alive: list[int] = []
        lanes, encode, first = self._lanes, self._encode, self._first_action
        for lane, action in zip(alive, actions, strict=True):
            observation, reward, terminated, truncated, _ = lanes[lane].step(
                action + first
            )
            record.returns[lane] += float(reward)
            record.lengths[lane] += 1
            if terminated or truncated:
                record.terminated[lane] = bool(terminated)
            else:
                encode(inputs, len(still_alive), observation)
                still_alive.append(lane)
        return inputs[: len(still_alive)], still_alive


class _Record:
    """What a batch under way has seen so far."""

    def __init__(self, n: int) -> None:
        self.returns = [0.0] * n
        self.lengths = [0] * n
        self.terminated = [False] * n
        self._inputs: list[Floats] = []
        self._actions: list[int] = []
        self._lanes: list[int] = []

    def add(self, inputs: Floats, actions: list[int], lanes: list[int]) -> None:
        self._inputs.append(inputs)
        self._actions += actions
        self._lanes += lanes

    def batch(self) -> Batch:
        inputs = np.concatenate(self._inputs)
        if not np.isfinite(inputs).all():
            raise EnvironmentFault("the environment gave a non-finite observation")
        if not np.isfinite(self.returns).all():
            raise EnvironmentFault("the environment gave a non-finite reward")
        return Batch(
            inputs=inputs,
            actions=np.array(self._actions),
            lanes=np.array(self._lanes),
            returns=np.array(self.returns),
            lengths=np.array(self.lengths),
            terminated=np.array(self.terminated),
        )


def _encoder(
    environment: environments.Environment,
) -> Callable[[Floats, int, Any], None]:
    """How an observation is written into a row of zeros."""

    def copy(inputs: Floats, row: int, observation: Any) -> None:
        inputs[row] = observation

    start = int(getattr(environment.observation_space, "start", 0))

    def one_hot(inputs: Floats, row: int, observation: Any) -> None:
        inputs[row, observation - start] = 1.0

    return one_hot if environments.is_one_hot(environment) else copy
