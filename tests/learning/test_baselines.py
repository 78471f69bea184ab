"""Baselines that remember, against loops written out."""

import itertools
import math

import numpy as np
import pytest

from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.learned_value import LearnedValue
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.specification import ValueSpecification
from tests.learning.enumeration import (
    Trajectory,
    as_batch,
    bandit,
    corridor,
    estimate_with,
    specification,
)


def trajectories(seed=0, lengths=(3, 1, 4)):
    rng = np.random.default_rng(seed)
    return [
        Trajectory((0,) * k, (0,) * k, tuple(rng.normal(size=k)), 1.0) for k in lengths
    ]


def test_running_mean_subtracts_earlier_batches_only():
    """The present batch never enters its own baseline."""
    weights = StepWeights(specification(baseline="running-mean"))

    def one(total):
        return weights(as_batch([Trajectory((0,), (0,), (total,), 1.0)])).tolist()

    assert one(4.0) == [4.0]
    assert one(10.0) == [6.0]
    assert one(0.0) == [-7.0]


def test_running_mean_to_go_is_a_mean_per_step():
    """Ended trajectories count as 0 to go, as in leave-one-out."""
    weights = StepWeights(specification(credit="to-go", baseline="running-mean"))
    weights(as_batch([Trajectory((0,), (0,), (6.0,), 1.0)] * 2))
    weights(as_batch([Trajectory((0,) * 2, (0, 0), (1.0, 8.0), 1.0)]))
    last = weights(as_batch([Trajectory((0,) * 3, (0,) * 3, (0.0, 0.0, 5.0), 1.0)]))
    assert last == pytest.approx([5 - (6 + 6 + 9) / 3, 5 - 8 / 3, 5])


def one_step(*totals):
    """A batch of trajectories of one step each."""
    return as_batch([Trajectory((0,), (0,), (total,), 1.0) for total in totals])


@pytest.mark.parametrize(
    ("how", "baselines"),
    [
        ({"window": 1}, [0, 4, 7, 1]),
        ({"window": 2}, [0, 4, 6, 5]),
        ({"window": 3}, [0, 4, 6, 19 / 4]),
        ({"decay": 0.5}, [0, 4, 16 / 2.5, (8 + 1) / (1.25 + 1)]),
    ],
)
def test_a_running_mean_forgets(how, baselines):
    """Batches of 1, 2, 1 and 1 trajectories; the first ones count whole."""
    weights = StepWeights(specification(baseline="running-mean", **how))
    batches = [(4.0,), (6.0, 8.0), (1.0,), (0.0,)]
    found = [weights(one_step(*totals)) for totals in batches]
    met = [totals[0] - one[0] for totals, one in zip(batches, found, strict=True)]
    assert met == pytest.approx(baselines, abs=1e-12)


@pytest.mark.parametrize("how", [{"window": 2}, {"decay": 0.5}])
def test_a_running_mean_that_forgets_is_a_mean_per_step(how):
    """Credits to go (9, 8) and (6, 0): those that have ended count as 0."""
    weights = StepWeights(specification(credit="to-go", baseline="running-mean", **how))
    weights(as_batch([Trajectory((0,), (0,), (6.0,), 1.0)]))
    weights(as_batch([Trajectory((0,) * 2, (0, 0), (1.0, 8.0), 1.0)]))
    last = weights(as_batch([Trajectory((0,) * 3, (0,) * 3, (0.0, 0.0, 5.0), 1.0)]))
    old = how.get("decay", 1.0)
    means = [(9 + old * 6) / (1 + old), 8 / (1 + old), 0]
    assert last == pytest.approx([5 - mean for mean in means])


@pytest.mark.parametrize(
    ("how", "spread"),
    [({}, 1 / 2), ({"window": 1}, 1), ({"window": 2}, 1 / 2), ({"decay": 0.5}, 5 / 9)],
)
def test_what_a_running_mean_subtracts_leaves_grad_j(how, spread):
    """Over all three batches of the bandit: mean of the third one's estimate, and
    variance, 4/9 (1 + spread) - 2/9, where b has `spread` times a reward's variance.
    """
    mean, square = np.zeros(3), 0.0
    for past in itertools.product(bandit(), repeat=3):
        weights = StepWeights(specification(baseline="running-mean", **how))
        *_, last = [weights(as_batch([t])) for t in past]
        found = estimate_with(last, as_batch(past[-1:]), (0.0,) * 3, 1)
        chance = math.prod(t.probability for t in past)
        mean += chance * found
        square += chance * found @ found
    assert mean == pytest.approx([-1 / 3, 0, 1 / 3], abs=1e-12)
    assert square - mean @ mean == pytest.approx(4 / 9 * (1 + spread) - 2 / 9)


@pytest.mark.parametrize("how", [{}, {"window": 1}, {"decay": 0.9}])
@pytest.mark.parametrize("credit", ["total", "to-go"])
def test_on_the_corridor_too(how, credit):
    """Over all pairs of trajectories of at most four steps."""
    mean = np.zeros(2)
    for past in itertools.product(corridor((0.0, 0.0), 4), repeat=2):
        weights = StepWeights(
            specification(baseline="running-mean", credit=credit, **how)
        )
        weights(as_batch(past[:1]))
        batch = as_batch(past[1:])
        found = estimate_with(weights(batch), batch, (0.0, 0.0), 1)
        mean += math.prod(t.probability for t in past) * found
    assert mean[1] == pytest.approx(0.0625, abs=1e-12)


def learned(update, features="constant", hidden=(), alpha=0.25):
    how = ValueSpecification(alpha, features, hidden, update)
    return LearnedValue(how, 1, None, np.random.default_rng(0))


def test_a_scalar_learned_per_step_is_the_books():
    """delta = G_t - w; w <- w + alpha delta (Sutton & Barto 2018, p. 330)."""
    value = learned("step")
    weights = StepWeights(specification(credit="to-go", baseline="learned"), value)
    w = 0.0
    for seed in range(3):
        (t,) = trajectories(seed, lengths=(4,))
        expected = []
        for step in range(4):
            delta = sum(t.rewards[step:]) - w
            expected.append(delta)
            w += 0.25 * delta
        assert weights(as_batch([t])) == pytest.approx(expected, rel=1e-5)
    assert value.parameters.flat.tolist() == pytest.approx([w])


def test_per_step_goes_through_one_trajectory_after_the_other():
    """Not through the batch's order, which is by time."""
    value, w, expected = learned("step"), 0.0, {}
    batch = trajectories()
    for i, t in enumerate(batch):
        for step in range(len(t.rewards)):
            delta = sum(t.rewards[step:]) - w
            expected[step, i] = delta
            w += 0.25 * delta
    how = specification(credit="to-go", baseline="learned")
    found = StepWeights(how, value)(as_batch(batch))
    assert found == pytest.approx([expected[k] for k in sorted(expected)], rel=1e-5)


def test_per_batch_takes_one_step_along_the_mean_error():
    """All weights are taken first: the baseline knows earlier batches only."""
    value, batch = learned("batch"), trajectories()
    how = specification(credit="to-go", baseline="learned")
    plain = StepWeights(specification(credit="to-go"))(as_batch(batch))
    weights = StepWeights(how, value)
    assert weights(as_batch(batch)) == pytest.approx(plain, rel=1e-6)
    w = 0.25 * plain.mean()
    assert weights(as_batch(batch)) == pytest.approx(plain - w, rel=1e-5)


@pytest.mark.parametrize("update", ["batch", "step"])
@pytest.mark.parametrize("hidden", [(), (16,)])
def test_a_value_function_learns_what_there_is_to_learn(update, hidden):
    """Its weights shrink on a batch that is shown again and again."""
    value = learned(update, "observation", hidden, alpha=0.05)
    weights = StepWeights(specification(baseline="learned"), value)
    batch = as_batch([Trajectory((0,), (0,), (5.0,), 1.0)] * 2)
    first = abs(weights(batch)).max()
    for _ in range(200):
        last = abs(weights(batch)).max()
    assert last < first / 100


@pytest.mark.parametrize("features", ["constant", "observation"])
@pytest.mark.parametrize("normalised", [False, True])
def test_a_linear_value_learned_per_step_is_what_autograd_makes_of_it(
    features, normalised
):
    """The written-out step against backward, values met and parameters."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(40, 3)).astype("f4")
    targets = rng.normal(size=40).astype("f4")
    if features == "constant":
        inputs = np.ones((40, 1), "f4")
    normaliser = Normaliser(3) if normalised else None
    if normaliser is not None:
        normaliser.update(3 + 2 * rng.normal(size=(9, 3)).astype("f4"))
    how = ValueSpecification(0.05, features, (), "step")
    one, two = (LearnedValue(how, 3, normaliser, rng) for _ in range(2))
    written, derived = one._learn_each_linear, two._learn_each
    assert written(inputs, targets) == pytest.approx(derived(inputs, targets), abs=1e-6)
    assert one.parameters.flat == pytest.approx(two.parameters.flat, abs=1e-6)
    assert abs(one.parameters.flat).max() > 0.01
