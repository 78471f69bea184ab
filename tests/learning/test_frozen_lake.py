"""FrozenLake-v1 (4x4, slippery) against exact values by dynamic programming.

`exact` reads Gymnasium's own transition table; expected numbers are from a separate
computation.
"""

import functools

import gymnasium
import numpy as np
import pytest
import torch

from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    EstimatorSpecification,
    PolicySpecification,
)
from tests.learning.helpers import estimate, specification

CAP = 100


@functools.cache
def table():
    """P: [16, 4, 16] to live states, R: [16, 4] expected reward."""
    env = gymnasium.make("FrozenLake-v1").unwrapped
    p, r = np.zeros((16, 4, 16)), np.zeros((16, 4))
    for state, actions in env.P.items():
        for action, outcomes in actions.items():
            for probability, following, reward, ended in outcomes:
                r[state, action] += probability * reward
                if not ended:
                    p[state, action, following] += probability
    return torch.from_numpy(p), torch.from_numpy(r)


def exact(theta, cap=CAP, rewards=None):
    """J(theta) with a limit of `cap` steps, differentiable. theta: [16, 4]."""
    p, r = table()
    r = r if rewards is None else rewards
    pi = torch.softmax(theta, 1)
    alive = torch.zeros(16, dtype=torch.float64)
    alive[0] = 1.0
    j = torch.zeros((), dtype=torch.float64)
    for _ in range(cap):
        flow = alive[:, None] * pi
        j = j + (flow * r).sum()
        alive = torch.einsum("sa,sat->t", flow, p)
    return j


def exact_gradient(theta):
    theta = theta.clone().requires_grad_()
    return torch.autograd.grad(exact(theta), theta)[0]


def test_the_exact_model_is_the_references():
    """J, |grad J| and E[T] of the uniform policy; ascent with step size 10."""
    theta = torch.zeros(16, 4, dtype=torch.float64)
    assert float(exact(theta)) == pytest.approx(0.0139397962, abs=1e-9)
    assert float(exact_gradient(theta).norm()) == pytest.approx(0.0068115768, abs=1e-9)
    one = torch.ones(16, 4, dtype=torch.float64)
    assert float(exact(theta, rewards=one)) == pytest.approx(7.6726023476, abs=1e-9)


@pytest.fixture(scope="module")
def sampled():
    """40 batches of 512 trajectories of the uniform policy, by the real sampler."""
    spec = specification(
        environment=EnvironmentSpecification("FrozenLake-v1", {}, CAP),
        n=512,
        policy=PolicySpecification(),
    )
    trainer = Trainer(spec, 1)
    return trainer, [trainer.sampler.sample() for _ in range(40)]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"credit": "to-go"},
        {"baseline": "leave-one-out"},
        {"credit": "to-go", "baseline": "leave-one-out"},
        {"credit": "to-go", "baseline": "per-step-mean"},
        {"baseline": "running-mean"},
        {"baseline": "constant", "constant": 0.5},
    ],
)
def test_sampled_estimates_agree_with_the_exact_gradient(sampled, how):
    """Each component within five standard errors, and no more than 1 % beyond three."""
    trainer, batches = sampled
    weights = StepWeights(EstimatorSpecification(**how))
    estimates = np.array([estimate(trainer, b, weights(b)) for b in batches]).reshape(
        len(batches), 16, 4
    )
    expected = exact_gradient(torch.zeros(16, 4, dtype=torch.float64)).numpy()
    error = estimates.std(0, ddof=1) / len(batches) ** 0.5
    off = abs(estimates.mean(0) - expected)
    assert (off <= 5 * error + 1e-8).all()
    assert (off > 3 * error + 1e-8).mean() <= 0.05


@pytest.mark.parametrize(("n", "share"), [(1, 0.986), (16, 0.80), (64, 0.40)])
def test_batches_without_any_reward_give_no_gradient(sampled, n, share):
    """(1 - J)^N of them, within four standard errors."""
    _, batches = sampled
    returns = np.concatenate([b.returns for b in batches])
    groups = returns[: len(returns) // n * n].reshape(-1, n)
    silent = (groups == 0).all(1)
    error = (share * (1 - share) / len(silent)) ** 0.5
    assert abs(silent.mean() - share) < 4 * error + 0.005
