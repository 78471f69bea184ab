"""Sampling: N lanes, each to its own end."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from pgstudy.learning import environments
from pgstudy.learning.policies import CategoricalPolicy
from pgstudy.learning.rollout import EnvironmentFault, GumbelNoise, Sampler
from pgstudy.learning.specification import EnvironmentSpecification


def sampler(environment_id="CartPole-v1", n=4, cap=500, seeds=None, **kwargs):
    specification = EnvironmentSpecification(environment_id, kwargs, cap)
    lanes = environments.make_lanes(specification, n)
    seeds = seeds or list(range(n))
    return Sampler(lanes, seeds, np.random.default_rng(0), cap)


def uniform(inputs=4, actions=2):
    return CategoricalPolicy((inputs, actions), False, np.random.default_rng(0))


def test_cartpole_pays_one_per_step_and_nothing_is_lost():
    """Returns, lengths and stored steps agree: no filler row (case 21)."""
    batch = sampler(n=8).sample(uniform())
    assert batch.returns.tolist() == batch.lengths.tolist()
    assert len(batch.actions) == len(batch.inputs) == batch.lengths.sum()
    counts = np.bincount(batch.lanes, minlength=8)
    assert counts.tolist() == batch.lengths.tolist()
    assert batch.terminated.all()


def test_stored_steps_replay_to_the_same_episode():
    """The recorded actions, given to a fresh environment, give the recorded rows."""
    batch = sampler(n=3, seeds=[5, 6, 7]).sample(uniform())
    for lane, seed in enumerate([5, 6, 7]):
        env = gymnasium.make("CartPole-v1")
        observation, _ = env.reset(seed=seed)
        mine = batch.lanes == lane
        for row, action in zip(batch.inputs[mine], batch.actions[mine], strict=True):
            assert (row == observation).all()
            observation, _, terminated, _, _ = env.step(action)
        assert terminated


def test_an_episode_is_cut_at_the_cap_with_its_last_reward():
    """Cut is not terminated; every step's reward counts."""
    batch = sampler("ShortCorridor-v0", n=20, cap=4).sample(uniform(1))
    cut = ~batch.terminated
    assert cut.any()
    assert batch.terminated.any()
    assert (batch.lengths[cut] == 4).all()
    assert (batch.returns == -batch.lengths).all()


def test_episodes_start_differently_and_repeatably():
    """Seeded once, at the first reset (case 14)."""

    def starts(seed):
        s = sampler(n=1, seeds=[seed])
        return [tuple(s.sample(uniform()).inputs[0].tolist()) for _ in range(5)]

    first = starts(0)
    assert len(set(first)) == 5
    assert starts(0) == first
    assert not set(starts(1)) & set(first)


def test_gumbel_noise_draws_from_the_softmax():
    """Frequencies within four standard errors of the probabilities."""
    logits = np.log(np.array([0.1, 0.6, 0.3], np.float32))
    draws = 100_000
    noise = GumbelNoise(3, np.random.default_rng(1)).take(draws)
    shares = np.bincount((logits + noise).argmax(1), minlength=3) / draws
    error = np.sqrt(np.exp(logits) * (1 - np.exp(logits)) / draws)
    assert (abs(shares - np.exp(logits)) < 4 * error).all()


def test_noise_does_not_depend_on_how_it_is_taken():
    """Row by row or many at once, across chunks, it is one stream."""
    one, many = (GumbelNoise(2, np.random.default_rng(3)) for _ in range(2))
    rows = np.concatenate([one.take(1) for _ in range(5000)])
    blocks = np.concatenate([many.take(1000).copy() for _ in range(5)])
    assert (rows == blocks).all()


class Broken(gymnasium.Env):
    """Gives a number that is none."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2, start=1)

    def __init__(self, observation=0.0, reward=0.0):
        self.observation, self.reward = observation, reward

    def reset(self, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        assert action in (1, 2)
        return np.full(2, self.observation, np.float32), self.reward, False, False, {}


gymnasium.register("test/Broken-v0", Broken)


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [({"observation": np.nan}, "observation"), ({"reward": np.inf}, "reward")],
)
def test_a_non_finite_number_from_the_environment_is_named(kwargs, word):
    """It ends the run with its own message, not with NaN weights."""
    with pytest.raises(EnvironmentFault, match=word):
        sampler("test/Broken-v0", cap=3, **kwargs).sample(uniform(2))
