"""Sampling: N environments, each to its own end, whatever steps them."""

import gymnasium
import numpy as np
import pytest

from pgstudy.learning.environments.faults import EnvironmentFault
from pgstudy.learning.policies.distributions import PolicyOverflow
from pgstudy.learning.rollouts.noise import NOISE_CHUNK, NoiseStream
from pgstudy.learning.specification import PolicySpecification
from tests.learning.helpers import sampler

KINDS = [False, True, "envpool"]


@pytest.fixture(params=KINDS, ids=["list", "vector", "envpool"])
def vectorize(request):
    if request.param == "envpool":
        pytest.importorskip("envpool", reason="pip install -r requirements-extras.lock")
    return request.param


def trajectory_of(batch):
    """Which trajectory each step is of: [M]."""
    every = np.broadcast_to(np.arange(batch.mask.shape[1]), batch.mask.shape)
    return every[batch.mask]


def test_cartpole_pays_one_per_step_and_nothing_is_lost(vectorize):
    """Returns, lengths and stored steps agree, batch after batch (case 21)."""
    made = sampler(n=8, vectorize=vectorize)
    for _ in range(5):
        batch = made.sample()
        assert (batch.rewards[batch.mask] == 1).all()
        assert (batch.rewards[~batch.mask] == 0).all()
        assert batch.returns.tolist() == batch.lengths.tolist()
        assert len(batch.actions) == len(batch.inputs) == batch.lengths.sum()
        counts = np.bincount(trajectory_of(batch), minlength=8)
        assert counts.tolist() == batch.lengths.tolist()
        assert batch.terminated.all()
        first = batch.inputs[:8]
        assert (abs(first) <= 0.05).all()  # a fresh start in every one
        assert len(np.unique(first, axis=0)) == 8


def test_each_trajectory_follows_the_physics(vectorize):
    """Stored actions from the stored first state give the stored rows and the end."""
    made = sampler(n=6, vectorize=vectorize)
    made.sample()
    batch = made.sample()
    env = gymnasium.make("CartPole-v1").unwrapped
    for i in range(6):
        mine = trajectory_of(batch) == i
        env.reset(seed=0)
        env.state = batch.inputs[mine][0].astype(float)
        for row, action in zip(batch.inputs[mine], batch.actions[mine], strict=True):
            assert row == pytest.approx(env.state, abs=1e-4)
            terminated = env.step(int(action))[2]
        assert terminated


def test_the_list_replays_to_the_bit():
    """The recorded actions, given to a seeded environment, give the recorded rows."""
    batch = sampler(n=3, seeds=[5, 6, 7]).sample()
    for i, seed in enumerate([5, 6, 7]):
        env = gymnasium.make("CartPole-v1")
        observation, _ = env.reset(seed=seed)
        mine = trajectory_of(batch) == i
        for row, action in zip(batch.inputs[mine], batch.actions[mine], strict=True):
            assert (row == observation).all()
            observation, _, terminated, _, _ = env.step(action)
        assert terminated


def test_an_episode_is_cut_at_the_cap_with_its_last_reward(vectorize):
    """Cut is not terminated; every step's reward counts."""
    batch = sampler(n=20, cap=15, vectorize=vectorize).sample()
    cut = ~batch.terminated
    assert cut.any()
    assert batch.terminated.any()
    assert (batch.lengths[cut] == 15).all()
    assert (batch.lengths[batch.terminated] <= 15).all()
    assert (batch.returns == batch.lengths).all()


def test_a_cap_beyond_the_registered_limit_holds(vectorize):
    """CartPole is registered with 500 steps; a study may ask for more."""
    made = sampler(n=2, cap=600, vectorize=vectorize)
    balance = np.array([[0, 0], [0, 0], [-10, 10], [-3, 3]], np.float32)
    made.policy.parameters.arrays["layer0.weight"][:] = 10 * balance
    assert max(made.sample().lengths.max() for _ in range(5)) == 600


def test_episodes_start_differently_and_repeatably(vectorize):
    """Seeded once, at the first reset (case 14)."""

    def starts(seed):
        made = sampler(n=1, seeds=[seed], vectorize=vectorize)
        return [tuple(made.sample().inputs[0].tolist()) for _ in range(5)]

    first = starts(0)
    assert len(set(first)) == 5
    assert starts(0) == first
    assert not set(starts(1)) & set(first)


def test_long_episodes_grow_the_buffer():
    """From two rows each to whatever the episodes need; nothing is overwritten."""
    made = sampler("ShortCorridor-v0", n=3, cap=300)
    made.policy.parameters.flat[:] = [3, -3]  # nearly always left
    batch = made.sample()
    assert batch.lengths.max() == 300
    assert (batch.inputs == 1).all()
    short = sampler("CartPole-v1", n=3, seeds=[1, 2, 3]).sample().inputs
    again = sampler("CartPole-v1", n=3, seeds=[1, 2, 3])
    kept = again.sample().inputs
    again.sample()
    assert (kept == short).all()  # a batch is not the buffer


def test_noise_does_not_depend_on_how_it_is_taken():
    """Row by row or many at once, across chunks, it is one stream."""
    pi = sampler().policy
    one, many = (NoiseStream(pi.draw, np.random.default_rng(3)) for _ in range(2))
    count = NOISE_CHUNK + 904

    def take(stream, count):
        rows = stream.ahead(count)[0].copy()
        stream.skip(count)
        return rows

    rows = np.concatenate([take(one, 1) for _ in range(count)])
    blocks = np.concatenate([take(many, 1000) for _ in range(5)])
    assert (rows == blocks).all()


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("observation", "gave a non-finite observation"),
        ("reward", "gave a non-finite reward"),
        ("text", "reward that is not a number"),
        ("raise", "raised ZeroDivisionError: the pole broke"),
    ],
)
def test_what_is_wrong_with_an_environment_is_said(fault, words, continuous):
    """It ends the run with its own message, not with NaN weights."""
    made = sampler("test/Broken-v0", n=2, fault=fault, continuous=continuous)
    with pytest.raises(EnvironmentFault, match=words):
        made.sample()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("shape", r"observation of shape \(1,\), and its space says \(2,\)"),
        ("negative", "gave observation -1"),
    ],
)
def test_observations_outside_of_their_space_are_refused(fault, words):
    """They would be broadcast, or wrap around, without a word."""
    with pytest.raises(EnvironmentFault, match=words):
        sampler("test/Odd-v0", n=1, fault=fault).sample()


def test_spaces_are_seeded_with_the_environment():
    """An environment that draws its start from its own space repeats, too."""
    batches = [sampler("test/Odd-v0", n=2, fault="sample").sample() for _ in range(2)]
    assert (batches[0].inputs == batches[1].inputs).all()
    assert (batches[0].inputs[0] != batches[0].inputs[1]).any()


@pytest.mark.parametrize("length", [1, 2])
def test_very_short_episodes_are_episodes(length):
    """One step has one reward."""
    batch = sampler("test/Broken-v0", n=3, length=length).sample()
    assert batch.lengths.tolist() == [length] * 3
    assert batch.returns.tolist() == [length] * 3


def test_actions_are_clipped_for_the_environment_only():
    """What is stored, and scored, is the draw; `Broken` refuses it."""
    wide = PolicySpecification(log_std=1.5)
    batch = sampler("test/Broken-v0", n=3, policy=wide, continuous=True).sample()
    assert abs(batch.actions).max() > 1
    assert batch.actions.shape == (30, 2)


def test_discrete_actions_may_start_anywhere():
    """The policy counts from 0; `Broken` takes 1 and 2 only."""
    batch = sampler("test/Broken-v0", n=5).sample()
    assert set(batch.actions.tolist()) == {0, 1}


def test_a_policy_that_overflows_is_not_the_environments_fault():
    """Unless the observation was not finite to begin with."""
    made = sampler("test/Broken-v0", n=1, continuous=True)
    made.policy.parameters.flat[:] = 3e38
    with pytest.raises(PolicyOverflow), np.errstate(all="ignore"):
        made.sample()


def test_the_three_kinds_see_the_same_environment():
    """Mean length of a uniform policy's episodes, within four standard errors."""
    pytest.importorskip("envpool", reason="pip install -r requirements-extras.lock")
    means, errors = [], []
    for kind in KINDS:
        made = sampler(n=64, vectorize=kind, seeds=list(range(100, 164)))
        lengths = np.concatenate([made.sample().lengths for _ in range(20)])
        means.append(lengths.mean())
        errors.append(lengths.std() / len(lengths) ** 0.5)
    assert max(means) - min(means) < 4 * max(errors) * 2**0.5
