"""An N that follows the noise of the gradient, against numbers worked out by hand."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from pgstudy.learning.estimators.adaptive import NextBatch, contributions, moments
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.gradients import gradient
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.batch import joined
from pgstudy.learning.specification import (
    AdaptiveSpecification,
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    PolicySpecification,
)
from pgstudy.learning.training import train, train_together
from tests.learning import enumeration
from tests.learning.helpers import corridor, specification


def adapting(ratio=1.0, most=64, **changes):
    adaptive = AdaptiveSpecification(ratio, most)
    how = EstimatorSpecification(baseline="leave-one-out", adaptive=adaptive)
    return specification(**{"estimator": how, "budget": Budget("updates", 8)} | changes)


def followed(measured, ratio=1.0, most=64, n=4):
    """Batches of the next update, and the scale, after such tr Sigma and |grad J|^2."""
    how, found = AdaptiveSpecification(ratio, most), []
    follower = NextBatch(adapting(ratio, most, n=n))
    for noise, square in measured:
        scale = follower.measured(how, n * follower.count, noise, square)
        found.append((follower.count, scale))
    return found


def test_moments_are_unbiased():
    """tr Sigma and |grad J|^2 over all batches of three bandit trajectories."""
    trajectories = enumeration.bandit((0.0, 1.0, 5.0), (0.5, 0.0, -0.5))
    how, theta = enumeration.specification(), (0.5, 0.0, -0.5)
    single = [
        enumeration.estimate(how, enumeration.as_batch([t]), theta, 1)
        for t in trajectories
    ]
    chances = np.array([t.probability for t in trajectories])
    mean = chances @ np.array(single)
    trace = chances @ (np.array(single) ** 2).sum(1) - mean @ mean
    found = np.zeros(2)
    for picks in itertools.product(range(3), repeat=3):
        own = np.array([single[pick] for pick in picks])
        found += math.prod(chances[list(picks)]) * np.array(moments(own))
    assert found == pytest.approx([trace, mean @ mean])


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("hidden", [(), (8,)])
def test_contributions_are_those_of_trajectories_alone(n, hidden):
    """Their mean is the estimate; each is what its trajectory gives as a batch."""
    trainer = Trainer(specification(n=n, policy=PolicySpecification(hidden)), 3)
    trainer.policy.parameters.flat[:] += 0.1
    how, batch = trainer.specification.estimator, trainer.sampler.sample()
    weights = StepWeights(how)(batch)
    own = contributions(trainer.policy, how, batch, weights)
    whole = gradient(trainer.policy, how, batch, weights)
    assert own.mean(0) == pytest.approx(whole, rel=1e-4, abs=1e-4)
    for i in range(n):
        steps = np.nonzero(batch.mask)[1] == i
        one = replace(
            batch,
            inputs=batch.inputs[steps],
            actions=batch.actions[steps],
            rewards=batch.rewards[: batch.lengths[i], i : i + 1],
            mask=batch.mask[: batch.lengths[i], i : i + 1],
            lengths=batch.lengths[i : i + 1],
        )
        alone = gradient(trainer.policy, how, one, StepWeights(how)(one))
        assert (own[i] == alone).all()


def test_batches_are_joined_in_the_order_of_one():
    """By time, then trajectory; all steps, rewards and ends as they were."""
    sampler = Trainer(specification(n=3), 1).sampler
    parts = [sampler.sample() for _ in range(4)]
    whole = joined(parts)
    assert whole.mask.shape == (max(len(p.mask) for p in parts), 12)
    assert (whole.lengths == np.concatenate([p.lengths for p in parts])).all()
    trajectory = np.nonzero(whole.mask)[1]
    for i, part in enumerate(parts):
        of_part = trajectory // 3 == i
        assert (whole.inputs[of_part] == part.inputs).all()
        assert (whole.actions[of_part] == part.actions).all()
        assert (whole.returns[3 * i : 3 * i + 3] == part.returns).all()
        assert (whole.terminated[3 * i : 3 * i + 3] == part.terminated).all()
    assert joined(parts[:1]) is parts[0]


def test_n_follows_the_noise_scale():
    """B = 16; then of 8 and 32, where 1/B is a mean over trajectories that fades."""
    found = followed([(16.0, 1.0)] * 3, n=4)
    assert found == [(2, 16), (4, 16), (4, 16)]
    scale = (0.9 * 4 + 8) / (0.9 * 4 / 8 + 8 / 32)  # 16.6
    found = followed([(8.0, 1.0), (32.0, 1.0)], n=4)
    assert found == [(2, 8), (4, pytest.approx(scale))]
    found = followed([(8.0, 1.0), (32.0, 1.0)], ratio=0.75, n=4)
    assert found == [(2, 8), (3, pytest.approx(scale))]


def test_the_scale_is_that_of_one_batch_whatever_its_size():
    """A policy of large gradients is not remembered for longer than any other."""
    steep = followed([(8e6, 1e6), (64.0, 1.0)], n=4)
    assert steep == followed([(8.0, 1.0), (64.0, 1.0)], n=4)


def test_n_is_bounded():
    """It grows by a factor of two at most, up to `most`, and never below N."""
    found = followed([(1.0, -0.1)] * 6, most=39, n=4)
    assert found == [(count, math.inf) for count in (2, 4, 8, 9, 9, 9)]
    found = followed([(1.0, 10.0)] * 2, n=4)
    assert [count for count, _ in found] == [1, 1]
    found = followed([(0.0, 0.0)], n=4)
    assert found == [(2, math.inf)]


def test_a_run_counts_its_trajectories_as_they_were():
    """N of each update, their sum, rows of episodes, and returns of unequal batches."""
    training = train(adapting(ratio=3.0), 2)
    n = training.updates["trajectories"]
    assert len(set(n.tolist())) > 2
    assert n[0] == 4
    assert not (n % 4).any()
    assert n.max() <= 64
    assert (training.updates["episodes"] == n.cumsum()).all()
    rows = training.episodes
    assert (np.bincount(rows["update"])[1:] == n).all()
    assert rows["trajectory"].tolist() == [i for k in n for i in range(k)]
    assert training.updates["env_steps"][-1] == rows["length"].sum()
    last = rows["update"] == 8
    assert training.updates["mean_return"][-1] == rows["return"][last].mean()
    assert training.updates["noise_scale"].shape == (8,)


@pytest.mark.parametrize("unit", ["episodes", "env_steps"])
def test_a_budget_is_in_true_units(unit):
    """A run ends with the first update that spends it."""
    amount = 120 if unit == "episodes" else 2500
    training = train(adapting(ratio=3.0, budget=Budget(unit, amount)), 2)
    spent = training.updates[unit]
    assert spent[-1] >= amount > spent[-2]
    assert len(set(training.updates["trajectories"].tolist())) > 1


def test_the_first_update_is_that_of_a_fixed_n():
    """What adapts is what comes later; other runs have no column for it."""
    plain = specification(estimator=EstimatorSpecification(baseline="leave-one-out"))
    assert "trajectories" not in train(plain, 0).updates
    one, two = Trainer(adapting(), 0), Trainer(plain, 0)
    two.policy.parameters.flat[:] = one.policy.parameters.flat
    batch = one.sampler.sample()
    one.learn(batch)
    two.learn(batch)
    assert (one.policy.parameters.flat == two.policy.parameters.flat).all()


@pytest.mark.parametrize("vectorize", [False, True])
def test_side_by_side_or_alone_the_bits_are_the_same(vectorize):
    """A run wants several batches in turn, while others play on."""
    place = EnvironmentSpecification("CartPole-v1", {}, 500, vectorize)
    run, seeds = adapting(ratio=3.0, environment=place), [0, 1, 2]
    alone = [train(run, seed) for seed in seeds]
    assert len({len(set(t.updates["trajectories"].tolist())) for t in alone} - {1}) > 0
    if vectorize:
        nothing = [None] * 3
        for place, training in train_together(run, seeds, nothing, nothing):
            assert training.digest() == alone[place].digest()


def test_on_average_the_measured_scale_is_the_exact_one():
    """On the corridor at its start; tr Sigma and |grad J|^2 by enumeration."""
    how = EstimatorSpecification(baseline="constant", constant=-10.0)
    trajectories = enumeration.corridor((0.0, 0.0), 12)
    mean, covariance = enumeration.moments(how, trajectories, (0.0, 0.0))
    run = specification(environment=corridor(12), n=16, estimator=how)
    trainer = Trainer(replace(run, policy=PolicySpecification()), 0)
    trainer.policy.parameters.flat[:] = 0
    found = np.zeros(2)
    for _ in range(1000):
        batch = trainer.sampler.sample()
        own = contributions(trainer.policy, how, batch, StepWeights(how)(batch))
        found += np.array(moments(own)) / 1000
    assert found == pytest.approx([np.trace(covariance), mean @ mean], rel=0.1)
