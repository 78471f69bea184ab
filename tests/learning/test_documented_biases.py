"""How large a documented bias is: the numbers of docs/estimators.md.

By enumeration and dynamic programming, and by sampling with the code that trains.
`pytest tests/learning/test_documented_biases.py` is the command that makes them.
"""

import itertools
import math

import numpy as np
import pytest
import torch

from pgstudy.analysis.gradients import exact
from pgstudy.analysis.gradients.bias import along
from pgstudy.analysis.gradients.samples import Effort, Probe
from pgstudy.analysis.statistics.variances import Reference
from pgstudy.learning.estimators import weights as estimators
from pgstudy.learning.estimators.learned_value import LearnedValue
from pgstudy.learning.policies.making import saved
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    EstimatorSpecification,
    PolicySpecification,
    ValueSpecification,
)
from tests.learning import helpers
from tests.learning.enumeration import (
    as_batch,
    bandit,
    corridor,
    estimate,
    moments,
    specification,
)

CAP = 1000  # steps of the corridor: at p = .05, one episode in 200,000 is longer
SKEWED, THETA = (0.0, 1.0, 5.0), (0.5, 0.0, -0.5)


def degrees(one, two):
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    return math.degrees(math.acos(min(cosine, 1.0)))


@pytest.mark.parametrize(
    ("n", "baseline", "angle"),
    [
        (2, "batch-mean", 28.45),
        (2, "leave-one-out", 28.45),
        (4, "batch-mean", 21.69),
        (4, "leave-one-out", 21.69),
        (6, "batch-mean", 15.25),  # 729 batches: once is enough
    ],
)
def test_normalise_turns_the_gradient_of_a_skewed_bandit(n, baseline, angle):
    """All 3^N batches; leave-one-out is a multiple, so it points the same way."""
    arms = bandit(SKEWED, THETA)
    exactly, _ = moments(specification(), arms, THETA)
    how = specification(baseline=baseline, normalise=True)
    found, _ = moments(how, arms, THETA, n)
    assert degrees(found, exactly) == pytest.approx(angle, abs=0.005)


@pytest.mark.parametrize("n", [2, 4])
def test_a_symmetric_bandit_can_not_show_it(n):
    """Nor does a batch mean turn anything."""
    theta = (0.0, 0.0, 0.0)
    exactly, _ = moments(specification(), bandit(), theta)
    how = specification(baseline="batch-mean", normalise=True)
    assert degrees(moments(how, bandit(), theta, n)[0], exactly) < 1e-5
    arms = bandit(SKEWED, THETA)
    exactly, _ = moments(specification(), arms, THETA)
    plain, _ = moments(specification(baseline="batch-mean"), arms, THETA, n)
    assert plain == pytest.approx((n - 1) / n * exactly)


def per_step(alpha, start, update="step"):
    """The book's baseline, a scalar w that begins at `start`."""
    how = ValueSpecification(alpha, "constant", (), update)
    value = LearnedValue(how, 1, None, np.random.default_rng(0))
    value.parameters.flat[:] = start
    return specification(credit="to-go", baseline="learned", value=how), value


@pytest.mark.parametrize("alpha", [2**-6, 2**-4, 0.5])
@pytest.mark.parametrize("start", [0.0, -7.0])
def test_per_step_step_t_weighs_one_less_alpha_to_the_power_of_t(alpha, start):
    """E = sum_t (1 - alpha_w)^t E[score_t G_t], whatever w was before: enumerated."""
    case = (0.5, -0.5), 6
    theta, trajectories = case[0], corridor(*case)
    found = exactly = full = 0.0
    for t in trajectories:
        how, value = per_step(alpha, start)
        found += t.probability * estimate(how, as_batch([t]), theta, 1, value)[1]
        to_go = np.cumsum(t.rewards[::-1])[::-1]
        scores = np.array(t.actions) - 1 / (1 + math.exp(theta[0] - theta[1]))
        shares = (1 - alpha) ** np.arange(len(scores))
        exactly += t.probability * (shares * scores * to_go).sum()
        full += t.probability * (scores * to_go).sum()
    assert found == pytest.approx(exactly, abs=1e-5)
    assert found < 0.99 * full


def shares_of_the_gradient(right, alpha, cap=CAP):
    """sum_t (1 - alpha)^t E[score_t G_t] / grad J, by dynamic programming."""
    known, policy = exact.model("ShortCorridor-v0"), np.array([1 - right, right])
    to_go = [np.zeros(len(known.start))]
    for _ in range(cap):
        values = known.rewards + known.transitions @ to_go[-1]
        to_go.append(values @ policy)
    states, total, shrunk = known.start, 0.0, 0.0
    for t in range(cap):
        values = known.rewards + known.transitions @ to_go[cap - t - 1]
        scores = np.array([-right, 1 - right])  # of theta_right
        term = states @ (values * policy * scores).sum(1)
        total, shrunk = total + term, shrunk + (1 - alpha) ** t * term
        states = states @ np.tensordot(policy, known.transitions, (0, 1))
    return shrunk / total


CASES = [
    (0.05, 2**-6, 0.469),
    (0.2, 2**-6, 0.772),
    (0.5, 2**-6, 0.864),
    (0.05, 2**-4, 0.174),
]


@pytest.mark.parametrize(("right", "alpha", "share"), CASES)
def test_what_per_step_leaves_of_the_corridors_gradient(right, alpha, share):
    """Exactly, with the book's alpha_w = 2^-6 and a larger one."""
    assert shares_of_the_gradient(right, alpha) == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize(
    ("right", "alpha", "update", "trajectories"),
    [
        (0.05, 2**-6, "step", 1000),
        (0.05, 2**-4, "step", 1000),
        (0.2, 2**-6, "step", 3000),
        (0.05, 2**-6, "batch", 1000),
    ],
)
def test_the_code_that_trains_has_that_share(right, alpha, update, trajectories):
    """By sampling, with w at J; a w that is held over the episode has all of it."""
    where = EnvironmentSpecification("ShortCorridor-v0", {}, CAP)
    policy = PolicySpecification(initial_probabilities=(1 - right, right))
    value = ValueSpecification(alpha, "constant", (), update)
    how = EstimatorSpecification("to-go", baseline="learned", value=value)
    run = helpers.specification(environment=where, policy=policy)
    arrays = {k: v.numpy() for k, v in saved(Trainer(run, 0).policy).items()}
    mean = exact.return_at(exact.model(where.id), 1, right)
    arrays["baseline.layer0.weight"] = np.array([[mean]], np.float32)
    made = Probe(run, arrays, Effort(trajectories, 10**9), "a test")
    gradient = exact.policy_gradient(made.policy, made.layout, where)
    estimates = made.samples(1, {"learned": how}).estimates["learned"]
    found = along(estimates, Reference(gradient, "exact"))
    expected = shares_of_the_gradient(right, alpha) if update == "step" else 1.0
    half = found.high - found.estimate
    assert found.estimate == pytest.approx(expected, abs=1.8 * half)  # 3.5 errors
    assert half < 0.25
    assert (found.high < 0.9) == (update == "step")


def chain(theta, horizon=3):
    """A small MDP: logits (theta_0, theta_1) in state 0 and (theta_1, theta_2) in 1.

    Action 0 leads to state 0, action 1 to state 1, for `horizon` steps from state 0.
    Yields the log-probability of each trajectory and the entropies on its way.
    """
    logits = torch.stack([theta[:2], theta[1:]])
    log_probs = torch.log_softmax(logits, 1)
    entropies = -(log_probs.exp() * log_probs).sum(1)
    for actions in itertools.product((0, 1), repeat=horizon):
        states = (0, *actions[:-1])
        yield log_probs[list(states), list(actions)].sum(), entropies[list(states)]


def test_the_entropy_bonus_leaves_out_where_the_actions_lead():
    """Its mean, and the gradient of the entropy of the states that are visited."""
    theta = torch.tensor([0.5, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    objective = sum(log_p.exp() * h.sum() for log_p, h in chain(theta))
    added = sum(
        log_p.exp().detach() * estimators.entropy_bonus(h, 1.0, 1)
        for log_p, h in chain(theta)
    )
    full, bonus = (
        torch.autograd.grad(part, theta, retain_graph=True)[0].numpy()
        for part in (objective, added)
    )
    assert full == pytest.approx([-0.240, 0.105, 0.134], abs=6e-4)
    assert bonus == pytest.approx([-0.269, 0.128, 0.140], abs=6e-4)
