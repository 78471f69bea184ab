"""Specifications and small environments for tests."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from pgstudy.learning.environments.parallel.environment_list import EnvironmentList
from pgstudy.learning.environments.registry import load_code
from pgstudy.learning.estimators.gradients import gradient
from pgstudy.learning.policies.making import make_policy
from pgstudy.learning.rollouts.sampler import Sampler
from pgstudy.learning.rollouts.sampling import LANES
from pgstudy.learning.rollouts.side_by_side import SideBySide
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
)


def specification(**changes: Any) -> RunSpecification:
    """A short CartPole run; keyword arguments replace parts of it."""
    parts: dict[str, Any] = {
        "environment": EnvironmentSpecification("CartPole-v1", {}, 500),
        "n": 4,
        "estimator": EstimatorSpecification(),
        "policy": PolicySpecification(hidden=(8,)),
        "optimizer": OptimizerSpecification("sgd", 1e-3, "constant"),
        "budget": Budget("updates", 5),
        "evaluation_episodes": 3,
    }
    return RunSpecification(**parts | changes)


def corridor(cap: int = 100) -> EnvironmentSpecification:
    return EnvironmentSpecification("ShortCorridor-v0", {}, cap)


def sampler(environment_id="CartPole-v1", n=4, cap=500, seeds=None, policy=None, **how):
    """A sampler with an untrained policy, at hand as `sampler.policy`."""
    vectorize = how.pop("vectorize", False)
    environment = EnvironmentSpecification(environment_id, how, cap, vectorize)
    load_code(environment)
    each = seeds or list(range(n))
    made = (
        LANES[vectorize](environment, [each])
        if vectorize
        else EnvironmentList(environment, each)
    )
    rng = np.random.default_rng(0)
    pi = make_policy(made.layout, policy or PolicySpecification(), rng)
    rng = np.random.default_rng(0)
    if vectorize:
        return SideBySide(made, [pi], [rng], cap).players[0]
    return Sampler(made, pi, rng, cap)


def estimate(trainer, batch, weights=None):
    """A copy of the trainer's estimate of grad J from a batch: [P]."""
    weights = trainer.weights(batch) if weights is None else weights
    how = trainer.specification.estimator
    return gradient(trainer.policy, how, batch, weights).copy()


class Broken(gymnasium.Env):
    """Does one thing wrong at step `at`; actions are 1 and 2, or a pair of numbers."""

    def __init__(self, fault="none", at=2, continuous=False, length=10):
        self.fault, self.at, self.length = fault, at, length
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        box = spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = box if continuous else spaces.Discrete(2, start=1)
        self.steps = 0

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.normal(size=2).astype(np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.steps += 1
        observation, reward = np.full(2, self.steps, np.float32), 1.0
        if self.steps == self.at:
            if self.fault == "raise":
                raise ZeroDivisionError("the pole broke")
            if self.fault == "observation":
                observation[1] = np.nan
            if self.fault == "huge":
                observation[:] = 3e38
            reward = {"reward": np.inf, "text": "one"}.get(self.fault, reward)
        return observation, reward, self.steps >= self.length, False, {}


gymnasium.register("test/Broken-v0", Broken)


class Odd(gymnasium.Env):
    """Observations that do not fit their space, or are drawn from it."""

    action_space = spaces.Discrete(2)

    def __init__(self, fault):
        self.fault = fault
        negative = fault == "negative"
        box = spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = spaces.Discrete(3) if negative else box

    def observe(self):
        if self.fault == "sample":
            return self.observation_space.sample()
        return -1 if self.fault == "negative" else np.zeros(1, np.float32)

    def reset(self, seed=None, options=None):
        return self.observe(), {}

    def step(self, action):
        return self.observe(), 1.0, True, False, {}


gymnasium.register("test/Odd-v0", Odd)
