"""The trainer's gradient against a double loop and against finite differences of J."""

import itertools

import numpy as np
import pytest
import torch

from pgstudy.learning.estimators.gradients import gradient_by_autograd
from pgstudy.learning.policies import networks
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
)
from pgstudy.learning.training import train
from tests.learning.enumeration import as_batch, corridor
from tests.learning.helpers import estimate, specification

PENDULUM = EnvironmentSpecification("Pendulum-v1", {}, 12)
PAIR = EnvironmentSpecification("test/Broken-v0", {"continuous": True}, 9)
CARTPOLE = EnvironmentSpecification("CartPole-v1", {}, 500)


def trainer(environment=CARTPOLE, n=3, **how):
    policy = PolicySpecification(hidden=(8,), log_std=how.pop("log_std", 0.0))
    parts = {"policy": policy, "n": n, "environment": environment}
    made = Trainer(specification(estimator=EstimatorSpecification(**how), **parts), 0)
    flat = made.policy.parameters.flat  # away from the symmetric start
    flat[:] += np.random.default_rng(0).normal(0, 0.3, len(flat))
    return made


def log_density(policy, inputs, action):
    """log pi(a | s) from the textbook, one step at a time, through torch."""
    outputs = policy.network.torch_outputs(torch.from_numpy(inputs[None]))[0]
    if "log_std" not in policy.parameters.tensors:
        return torch.log_softmax(outputs, 0)[int(action)]
    total = torch.zeros(())
    for k, value in enumerate(action):
        scale = policy.parameters.tensors["log_std"][0, k].exp()
        density = torch.distributions.Normal(outputs[k], scale)
        total = total + density.log_prob(torch.tensor(value))
    return total


def double_loop(policy, batch, n):
    """1/N sum_i (sum_t grad log pi)(sum_t r), with nothing of the trainer's."""
    tensors = list(policy.parameters.tensors.values())
    total = [torch.zeros_like(p) for p in tensors]
    every = np.broadcast_to(np.arange(n), batch.mask.shape)[batch.mask]
    for i in range(n):
        for step in np.flatnonzero(every == i):
            log_prob = log_density(policy, batch.inputs[step], batch.actions[step])
            parts = torch.autograd.grad(log_prob, tensors, allow_unused=True)
            for sum_, part in zip(total, parts, strict=True):
                if part is not None:
                    sum_ += part * float(batch.rewards[:, i].sum()) / n
    return torch.cat([t.reshape(-1) for t in total])


@pytest.mark.parametrize("environment", [CARTPOLE, PENDULUM, PAIR])
def test_an_update_is_the_formula_as_written(environment):
    """theta' = theta + alpha 1/N sum_i (sum_t grad log pi)(sum_t r)."""
    mine = trainer(environment, log_std=1.0)
    batch = mine.sampler.sample()
    expected = double_loop(mine.policy, batch, 3)
    found = estimate(mine, batch)
    assert found == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("bonus", [0.0, 0.3])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
@pytest.mark.parametrize("environment", [CARTPOLE, PENDULUM, PAIR])
@pytest.mark.parametrize("normalised", [False, True])
def test_the_closed_form_is_what_autograd_makes_of_the_definition(
    environment, hidden, activation, bonus, normalised
):
    """Every policy, activation, depth and bonus, to 2e-6 of the largest component."""
    policy = PolicySpecification(
        hidden=hidden, activation=activation, normalise_observations=normalised
    )
    how = EstimatorSpecification(entropy=bonus)
    parts = {"policy": policy, "n": 3, "environment": environment, "estimator": how}
    mine = Trainer(specification(**parts), 0)
    flat = mine.policy.parameters.flat
    flat[:] += np.random.default_rng(0).normal(0, 0.3, len(flat))
    batch = mine.sampler.sample()
    if normalised:
        mine.policy.normaliser.update(batch.inputs)
    weights = np.random.default_rng(1).normal(size=len(batch.inputs))
    found = estimate(mine, batch, weights)
    expected = gradient_by_autograd(mine.policy, how, batch, weights)
    largest = float(abs(expected).max())
    assert largest > 0
    assert found == pytest.approx(expected, abs=2e-6 * largest, rel=2e-6)


def test_train_takes_exactly_that_step():
    """One update of the public function, from its own start."""
    spec = specification(n=3, budget=Budget("updates", 1))
    mine = Trainer(spec, 0)
    before = mine.policy.parameters.flat.copy()
    batch = mine.sampler.sample()
    expected = before + 1e-3 * double_loop(mine.policy, batch, 3).numpy()
    state = train(spec, 0).policy
    found = np.concatenate([v.numpy().ravel() for v in state.values()])
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("cap", "how"),
    [
        (4, {}),
        (4, {"credit": "to-go"}),
        (4, {"credit": "to-go", "gamma": 0.9}),
        (4, {"gamma": 0.9}),
        (5, {"baseline": "constant", "constant": -4.0}),
    ],
)
def test_the_expected_gradient_is_that_of_j_by_finite_differences(cap, how):
    """Through the trainer's own loss: all trajectories, weighed by probability."""
    theta, gamma = (0.4, -0.3), how.get("gamma", 1.0)
    environment = EnvironmentSpecification("ShortCorridor-v0", {}, cap)
    policy = PolicySpecification()
    mine = Trainer(
        specification(
            environment=environment,
            n=1,
            policy=policy,
            estimator=EstimatorSpecification(**how),
        ),
        0,
    )
    mine.policy.parameters.flat[:] = theta
    expected = np.zeros(2)
    for t in corridor(theta, cap):
        batch = as_batch([t])
        gradient = estimate(mine, batch)
        expected += t.probability * gradient

    def j(right):
        return sum(
            t.probability * sum(r * gamma**k for k, r in enumerate(t.rewards))
            for t in corridor((theta[0], right), cap)
        )

    step = 1e-5
    difference = (j(theta[1] + step) - j(theta[1] - step)) / (2 * step)
    assert expected[1] == pytest.approx(difference, abs=1e-5)
    assert expected[0] == pytest.approx(-difference, abs=1e-5)


def test_chunks_add_up(monkeypatch):
    """The gradient of long batches is taken in parts that bound memory."""
    for environment, bonus in itertools.product((CARTPOLE, PENDULUM), (0.0, 0.1)):
        mine = trainer(environment, entropy=bonus)
        batch = mine.sampler.sample()
        weights = mine.weights(batch)
        whole = estimate(mine, batch, weights)
        monkeypatch.setattr(networks, "GRADIENT_ROWS", 7)
        parts = estimate(mine, batch, weights)
        monkeypatch.undo()
        assert parts == pytest.approx(whole, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("environment", [CARTPOLE, PENDULUM])
def test_the_entropy_bonus_raises_the_entropy(environment):
    """A step along its part of the gradient, for both kinds of policies."""
    mine = trainer(environment, entropy=0.5)
    batch = mine.sampler.sample()
    bonus = estimate(mine, batch, np.zeros(len(batch.inputs)))  # and nothing else
    inputs = torch.from_numpy(batch.inputs)

    def entropy():
        with torch.no_grad():
            outputs = mine.policy.network.torch_outputs(inputs)
            return float(mine.policy.entropy(outputs).sum())

    before = entropy()
    mine.policy.parameters.flat[:] += 1e-3 * bonus
    assert entropy() > before


def test_a_good_actions_probability_rises():
    """Sign: a step uphill makes an action of positive weight likelier (case 24)."""
    mine = trainer(n=1)
    batch = mine.sampler.sample()  # CartPole: every weight is positive
    weights = np.zeros(len(batch.inputs))
    weights[0] = 1.0
    row, action = batch.inputs[0], batch.actions[0]
    before = log_density(mine.policy, row, action).item()
    gradient = estimate(mine, batch, weights)
    mine.optimizer.step(gradient, 0.01)
    assert log_density(mine.policy, row, action).item() > before


def test_the_optimizer_gets_that_gradient(monkeypatch):
    """What `gradient` returns and what moves theta are one thing."""
    mine = trainer(n=2)
    seen = []
    monkeypatch.setattr(
        mine.optimizer, "step", lambda *given: seen.append((given[0].copy(), given[1]))
    )
    mine.learn(mine.sampler.sample())
    ((gradient, learning_rate),) = seen
    assert (
        learning_rate == OptimizerSpecification("sgd", 1e-3, "constant").learning_rate
    )
    assert mine.history.gradient_norms[-1] == pytest.approx(np.linalg.norm(gradient))
