"""The estimators against complete enumeration (reference: estimator-values.md)."""

import itertools
import math

import numpy as np
import pytest
import torch

from pgstudy.learning.corridor import ShortCorridor
from pgstudy.learning.estimators import TrajectoryWeights, leave_one_out, surrogate

ARMS = 3


def bandit_moments(baseline, n):
    """Mean and variance trace of the N-sample estimate, over all 3^N batches."""
    theta = torch.zeros(ARMS, dtype=torch.float64, requires_grad=True)
    mean, square = np.zeros(ARMS), 0.0
    for batch in itertools.product(range(ARMS), repeat=n):
        weights = TrajectoryWeights(baseline)(np.array(batch, float))
        log_probs = torch.log_softmax(theta, 0)[list(batch)]
        objective = surrogate(log_probs, torch.from_numpy(weights), n)
        (gradient,) = torch.autograd.grad(objective, theta)
        mean += gradient.numpy() / ARMS**n
        square += float(gradient.square().sum()) / ARMS**n
    return mean, square - float(mean @ mean)


@pytest.mark.parametrize(
    ("baseline", "n", "variance"),
    [
        ("none", 1, 8 / 9),
        ("none", 2, 4 / 9),
        ("none", 3, 8 / 27),
        ("none", 4, 2 / 9),
        ("leave-one-out", 2, 4 / 9),
        ("leave-one-out", 3, 5 / 27),
        ("leave-one-out", 4, 1 / 9),
        ("running-mean", 1, 8 / 9),
    ],
)
def test_bandit_mean_and_variance_are_those_of_enumeration(baseline, n, variance):
    """Every estimator is unbiased, and its variance is the reference's."""
    mean, found = bandit_moments(baseline, n)
    assert mean == pytest.approx([-1 / 3, 0, 1 / 3], abs=1e-12)
    assert found == pytest.approx(variance, abs=1e-12)


def corridor_trajectories(theta, horizon):
    """Every action sequence of the corridor: (actions, return, probability)."""
    p_right = 1 / (1 + math.exp(theta[0] - theta[1]))
    probability = [1 - p_right, p_right]

    def extend(actions):
        env = ShortCorridor()
        env.reset()
        ended = False
        for action in actions:
            ended = env.step(action)[2]
        if ended or len(actions) == horizon:
            yield actions
        else:
            for action in (0, 1):
                yield from extend([*actions, action])

    for actions in extend([]):
        yield actions, -float(len(actions)), math.prod(probability[a] for a in actions)


@pytest.mark.parametrize(
    ("theta", "horizon", "j", "gradient", "variance"),
    [
        ((0.0, 0.0), 4, -3.875, 0.0625, 15.27734375),
        ((0.5, -0.5), 12, -9.7767038496, 1.6556046134, 232.2830008994),
    ],
)
def test_corridor_total_return_is_that_of_enumeration(
    theta, horizon, j, gradient, variance
):
    """J, grad J and one trajectory's variance, component theta_right."""
    parameters = torch.tensor([theta], dtype=torch.float64, requires_grad=True)
    weights = TrajectoryWeights("none")
    mean_return = mean = square = 0.0
    for actions, total, probability in corridor_trajectories(theta, horizon):
        w = torch.full((len(actions),), weights(np.array([total]))[0])
        log_probs = torch.log_softmax(parameters, 1)[0, actions]
        objective = surrogate(log_probs, w, 1)
        (found,) = torch.autograd.grad(objective, parameters)
        mean_return += probability * total
        mean += probability * float(found[0, 1])
        square += probability * float(found[0, 1]) ** 2
    assert mean_return == pytest.approx(j, abs=1e-9)
    assert mean == pytest.approx(gradient, abs=1e-9)
    assert square - mean**2 == pytest.approx(variance, rel=1e-9)


def test_the_divisor_is_n_and_not_the_number_of_steps():
    """Episodes of 1 and 9 steps, all returns 1, unit scores: (1 + 9) / 2 (case 4)."""
    theta = torch.zeros(1, requires_grad=True)
    objective = surrogate(theta.expand(10), torch.ones(10), 2)
    (gradient,) = torch.autograd.grad(objective, theta)
    assert gradient.item() == 5.0


def test_a_trajectory_without_return_only_changes_n():
    """It scales the estimate by N / (N + 1), whatever its length (case 4)."""
    scores = torch.tensor([1.0, -2.0, 3.0])
    two = surrogate(scores, torch.tensor([1.0, 1.0, 5.0]), 2)
    longer = torch.cat([scores, torch.full((7,), 9.0)])
    three = surrogate(longer, torch.tensor([1.0, 1.0, 5.0] + [0.0] * 7), 3)
    assert three.item() == pytest.approx(two.item() * 2 / 3)


def test_leave_one_out_is_the_mean_of_the_others():
    """Written out, trajectory by trajectory."""
    returns = np.array([3.0, -1.0, 7.0, 0.5])
    expected = [r - np.delete(returns, i).mean() for i, r in enumerate(returns)]
    assert leave_one_out(returns) == pytest.approx(expected)


def test_leave_one_out_refuses_one_trajectory():
    """Nothing is left, so it says what to use."""
    with pytest.raises(ValueError, match="running-mean"):
        leave_one_out(np.array([1.0]))


def test_running_mean_subtracts_earlier_batches_only():
    """The present batch never enters its own baseline."""
    weights = TrajectoryWeights("running-mean")
    assert weights(np.array([4.0])).tolist() == [4.0]
    assert weights(np.array([10.0])).tolist() == [6.0]
    assert weights(np.array([0.0])).tolist() == [-7.0]
