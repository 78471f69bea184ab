"""The estimators against complete enumeration of small problems.

The expected numbers were found by a separate enumeration; they are not this code's.
"""

import itertools

import numpy as np
import pytest
import torch

from pgstudy.learning.estimators import weights as estimators
from pgstudy.learning.estimators.baselines import StepWeights
from tests.learning.enumeration import (
    Trajectory,
    as_batch,
    bandit,
    corridor,
    estimate,
    moments,
    specification,
)

FLAT, TILTED = ((0.0, 0.0), 4), ((0.5, -0.5), 12)


@pytest.mark.parametrize(
    ("how", "n", "mean", "variance"),
    [
        ({}, 1, 1 / 3, 8 / 9),
        ({}, 2, 1 / 3, 4 / 9),
        ({}, 3, 1 / 3, 8 / 27),
        ({}, 4, 1 / 3, 2 / 9),
        ({"baseline": "constant", "constant": 1.0}, 1, 1 / 3, 2 / 9),
        ({"baseline": "constant", "constant": 1.0}, 2, 1 / 3, 1 / 9),
        ({"baseline": "constant", "constant": 1.0}, 3, 1 / 3, 2 / 27),
        ({"baseline": "constant", "constant": 1.0}, 4, 1 / 3, 1 / 18),
        ({"baseline": "batch-mean"}, 1, 0, 0),
        ({"baseline": "batch-mean"}, 2, 1 / 6, 1 / 9),
        ({"baseline": "batch-mean"}, 3, 2 / 9, 20 / 243),
        ({"baseline": "batch-mean"}, 4, 1 / 4, 1 / 16),
        ({"baseline": "leave-one-out"}, 2, 1 / 3, 4 / 9),
        ({"baseline": "leave-one-out"}, 3, 1 / 3, 5 / 27),
        ({"baseline": "leave-one-out"}, 4, 1 / 3, 1 / 9),
        ({"baseline": "per-step-mean"}, 3, 1 / 3, 5 / 27),
        ({"baseline": "running-mean"}, 1, 1 / 3, 8 / 9),
        ({"credit": "to-go", "baseline": "leave-one-out"}, 4, 1 / 3, 1 / 9),
        ({"credit": "to-go"}, 3, 1 / 3, 8 / 27),
    ],
)
def test_bandit(how, n, mean, variance):
    """Third component of the mean, and trace of the covariance, over 3^N batches."""
    found, covariance = moments(specification(**how), bandit(), (0.0,) * 3, n)
    assert found == pytest.approx([-mean, 0, mean], abs=1e-12)
    assert np.trace(covariance) == pytest.approx(variance, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "mean"), [(2, 0.2222222222), (3, 0.3002349627), (4, 0.3348236826)]
)
def test_whitened_returns_on_the_bandit(n, mean):
    """Batch mean subtracted, population standard deviation divided by."""
    how = specification(baseline="batch-mean", normalise=True)
    found, _ = moments(how, bandit(), (0.0,) * 3, n)
    assert found[2] == pytest.approx(mean, abs=1e-10)


@pytest.mark.parametrize(
    ("case", "how", "mean", "variance"),
    [
        (FLAT, {}, 0.0625, 15.27734375),
        (FLAT, {"credit": "to-go"}, 0.0625, 7.30859375),
        (FLAT, {"baseline": "constant", "constant": -3.875}, 0.0625, 0.0346679688),
        (FLAT, {"baseline": "constant", "constant": -5.0}, 0.0625, 1.05859375),
        (FLAT, {"credit": "to-go", "gamma": 0.9}, 0.0455625, None),
        (
            FLAT,
            {"credit": "to-go", "gamma": 0.9, "discounting": "biased"},
            0.0511875,
            None,
        ),
        (FLAT, {"gamma": 0.9}, 0.0455625, None),
        (TILTED, {}, 1.6556046134, 232.2830008994),
        (TILTED, {"credit": "to-go"}, 1.6556046134, 87.4521115521),
        (
            TILTED,
            {"baseline": "constant", "constant": -9.7767038496},
            1.6556046134,
            11.2856397535,
        ),
        (
            TILTED,
            {"baseline": "constant", "constant": -5.0},
            1.6556046134,
            73.3512747909,
        ),
        (TILTED, {"credit": "to-go", "gamma": 0.9}, 0.7438330052, None),
        (TILTED, {"gamma": 0.9}, 0.7438330052, None),
        (
            TILTED,
            {"credit": "to-go", "gamma": 0.9, "discounting": "biased"},
            1.0920757870,
            None,
        ),
    ],
)
def test_corridor(case, how, mean, variance):
    """Component theta_right: mean and variance of one trajectory's estimate."""
    theta = case[0]
    found, covariance = moments(specification(**how), corridor(*case), theta)
    assert found[1] == pytest.approx(mean, abs=1e-9)
    if variance is not None:
        assert covariance[1, 1] == pytest.approx(variance, rel=1e-8)


def exact_values(trajectories):
    """V_t(s) = E[reward-to-go | s at t], from the enumeration."""
    sums = {}
    for t in trajectories:
        for step, state in enumerate(t.states):
            to_go = sum(t.rewards[step:])
            total, weight = sums.get((step, state), (0.0, 0.0))
            sums[step, state] = total + t.probability * to_go, weight + t.probability
    return {place: total / weight for place, (total, weight) in sums.items()}


@pytest.mark.parametrize(
    ("case", "mean", "variance"),
    [(FLAT, 0.0625, 0.03125), (TILTED, 1.6556046134, 6.6738108847)],
)
def test_corridor_with_the_exact_value_function(case, mean, variance):
    """Reward-to-go minus V_t(s): the smallest variance of them all."""
    trajectories = corridor(*case)
    values = exact_values(trajectories)
    how = specification(credit="to-go", baseline="learned")
    first = second = 0.0
    for t in trajectories:
        column = np.array([[values[place]] for place in enumerate(t.states)])
        weights = StepWeights(how, lambda credit, batch, v=column: v)(as_batch([t]))
        theta = torch.tensor(case[0], dtype=torch.float64, requires_grad=True)
        log_probs = torch.log_softmax(theta, 0)[list(t.actions)]
        objective = estimators.surrogate(log_probs, torch.from_numpy(weights), 1)
        gradient = torch.autograd.grad(objective, theta)[0][1].item()
        first += t.probability * gradient
        second += t.probability * gradient**2
    assert first == pytest.approx(mean, abs=1e-9)
    assert second - first**2 == pytest.approx(variance, rel=1e-8)


@pytest.mark.parametrize(
    ("case", "variances"),
    [
        (FLAT, (0.072265625, 0.0178222656, 0.0062953404, 0.0026245117, 0.0005689348)),
        (TILTED, (15.889464, 4.529184, 1.7766565, 0.7907412, 0.1814208)),
    ],
)
def test_corridor_leave_one_out(case, variances):
    """It is the sample covariance of scores and returns, whose variance is known.

    Var = mu22/N - (N-2) mu11^2 / (N(N-1)) + mu20 mu02 / (N(N-1)), with the central
    moments of the enumerated trajectories; batch by batch the two are the same number.
    """
    trajectories, theta = corridor(*case), case[0]
    p = np.array([t.probability for t in trajectories])
    unit = specification(baseline="constant", constant=-1.0)  # weight R + 1
    plain = specification()
    scores = np.array(
        [
            estimate(unit, as_batch([t]), theta, 1)[1]
            - estimate(plain, as_batch([t]), theta, 1)[1]
            for t in trajectories
        ]
    )
    returns = np.array([sum(t.rewards) for t in trajectories])
    x, y = scores - p @ scores, returns - p @ returns
    mu = {(i, j): p @ (x**i * y**j) for i in range(3) for j in range(3)}
    for n, variance in zip((2, 4, 8, 16, 64), variances, strict=True):
        found = mu[2, 2] / n - (n - 2) * mu[1, 1] ** 2 / (n * (n - 1))
        found += mu[2, 0] * mu[0, 2] / (n * (n - 1))
        assert found == pytest.approx(variance, rel=1e-6)
        picked = np.random.default_rng(n).choice(len(p), n, p=p)
        batch = as_batch([trajectories[i] for i in picked])
        mine = estimate(specification(baseline="leave-one-out"), batch, theta, n)[1]
        assert mine == pytest.approx(np.cov(scores[picked], returns[picked])[0, 1])


def test_corridor_leave_one_out_of_two_by_enumeration():
    """All 225 pairs of trajectories, no formula in between."""
    how = specification(baseline="leave-one-out")
    mean, covariance = moments(how, corridor(*FLAT), FLAT[0], 2)
    assert mean[1] == pytest.approx(0.0625, abs=1e-12)
    assert covariance[1, 1] == pytest.approx(0.072265625, abs=1e-12)


@pytest.mark.parametrize("credit", ["total", "to-go"])
@pytest.mark.parametrize("baseline", ["leave-one-out", "per-step-mean"])
def test_baselines_from_the_others_are_unbiased_on_unequal_episodes(credit, baseline):
    """All pairs of corridor trajectories of one to four steps."""
    how = specification(credit=credit, baseline=baseline)
    mean, _ = moments(how, corridor(*FLAT), FLAT[0], 2)
    assert mean[1] == pytest.approx(0.0625, abs=1e-12)


@pytest.mark.parametrize("case", [FLAT, TILTED])
def test_a_mean_over_time_steps_would_not_learn_at_all(case):
    """Averaged over steps, the expected gradient is exactly 0 (N = 1)."""
    theta, trajectories = case[0], corridor(*case)
    mean = sum(
        t.probability
        * estimate(specification(), as_batch([t]), theta, len(t.actions))[1]
        for t in trajectories
    )
    assert mean == pytest.approx(0, abs=1e-12)


def random_batch(n, equal=False, seed=0):
    rng = np.random.default_rng(seed)
    lengths = [5] * n if equal else rng.integers(1, 8, n).tolist()
    return as_batch(
        [
            Trajectory(
                (0,) * k, tuple(rng.integers(2, size=k)), tuple(rng.normal(size=k)), 1.0
            )
            for k in lengths
        ]
    )


@pytest.mark.parametrize("credit", ["total", "to-go"])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_the_batch_mean_is_a_share_of_leave_one_out(credit, n):
    """(N-1)/N, exactly, batch by batch; ended trajectories count as 0 to go."""
    batch, theta = random_batch(n), (0.3, -0.2)
    parts = [
        estimate(specification(credit=credit, baseline=b), batch, theta, n)
        for b in ("batch-mean", "leave-one-out")
    ]
    assert parts[0] == pytest.approx((n - 1) / n * parts[1], abs=1e-12)


def test_the_per_step_mean_is_leave_one_out_on_equal_lengths():
    """With unequal lengths it leaves out trajectories that have ended, and differs."""
    how = [
        specification(credit="to-go", baseline=b)
        for b in ("per-step-mean", "leave-one-out")
    ]
    equal, unequal = random_batch(4, equal=True), random_batch(4)
    assert StepWeights(how[0])(equal) == pytest.approx(StepWeights(how[1])(equal))
    assert StepWeights(how[0])(unequal) != pytest.approx(StepWeights(how[1])(unequal))


def test_per_step_mean_written_out():
    """Over the others still going; 0 for who goes on alone."""
    a = Trajectory((0,) * 3, (0, 0, 0), (1.0, 2.0, 4.0), 1.0)
    b = Trajectory((0,) * 2, (0, 0), (8.0, 16.0), 1.0)
    c = Trajectory((0,), (0,), (32.0,), 1.0)
    how = specification(credit="to-go", baseline="per-step-mean")
    expected = [7 - 28, 24 - 19.5, 32 - 15.5, 6 - 16, 16 - 6, 4]  # t = 0, 0, 0, 1, 1, 2
    assert StepWeights(how)(as_batch([a, b, c])).tolist() == expected


def test_rewards_to_weights_by_hand():
    """Rewards 0, 0, 1 with gamma 1/2 (case 24)."""
    batch = as_batch([Trajectory((0,) * 3, (0, 0, 0), (0.0, 0.0, 1.0), 1.0)])

    def weights(**how):
        return StepWeights(specification(gamma=0.5, **how))(batch).tolist()

    assert weights(credit="total") == [0.25, 0.25, 0.25]
    assert weights(credit="to-go", discounting="biased") == [0.25, 0.5, 1.0]
    assert weights(credit="to-go") == [0.25, 0.25, 0.25]
    assert batch.returns.tolist() == [1.0]  # the logged return stays undiscounted


def test_gamma_zero_sees_the_next_reward_only():
    """The factor gamma^t then leaves the first step alone."""
    batch = as_batch([Trajectory((0,) * 3, (0, 0, 0), (3.0, 2.0, 1.0), 1.0)])
    how = {"gamma": 0.0, "credit": "to-go"}
    biased = StepWeights(specification(**how, discounting="biased"))(batch)
    assert biased.tolist() == [3.0, 2.0, 1.0]
    assert StepWeights(specification(**how))(batch).tolist() == [3.0, 0.0, 0.0]


def test_the_divisor_is_n_and_not_the_number_of_steps():
    """Episodes of 1 and 9 steps, all returns 1, unit scores: (1 + 9) / 2 (case 4)."""
    theta = torch.zeros(1, requires_grad=True)
    objective = estimators.surrogate(theta.expand(10), torch.ones(10), 2)
    (gradient,) = torch.autograd.grad(objective, theta)
    assert gradient.item() == 5.0


@pytest.mark.parametrize("credit", ["total", "to-go"])
def test_a_trajectory_without_return_only_changes_n(credit):
    """It scales the estimate by N / (N + 1), whatever its length (case 4)."""
    rng = np.random.default_rng(0)
    two = [
        Trajectory((0,) * k, tuple(rng.integers(2, size=k)), (1.0,) * k, 1.0)
        for k in (3, 5)
    ]
    silent = Trajectory((0,) * 9, (1,) * 9, (0.0,) * 9, 1.0)
    how, theta = specification(credit=credit), (0.1, 0.4)
    before = estimate(how, as_batch(two), theta, 2)
    after = estimate(how, as_batch([*two, silent]), theta, 3)
    assert after == pytest.approx(before * 2 / 3)
    assert estimate(how, as_batch(two * 2), theta, 4) == pytest.approx(before)


@pytest.mark.parametrize("baseline", ["none", "batch-mean", "leave-one-out"])
@pytest.mark.parametrize("total", [0.0, 0.1, -500.0])
def test_normalising_equal_returns_stays_finite(baseline, total):
    """The weights are those without the division (case 12)."""
    batch = as_batch([Trajectory((0,) * 3, (0, 1, 0), (total, 0, 0), 1.0)] * 3)
    how = specification(baseline=baseline, normalise=True)
    expected = total if baseline == "none" else 0.0
    assert StepWeights(how)(batch) == pytest.approx([expected] * 9, abs=1e-12)


def test_normalised_weights_do_not_depend_on_the_scale_of_rewards():
    """All rewards times 1000 give the same weights."""
    batch = random_batch(5)
    for credit, baseline in itertools.product(
        ("total", "to-go"), ("none", "leave-one-out")
    ):
        how = specification(credit=credit, baseline=baseline, normalise=True)
        weights = StepWeights(how)(batch)
        scaled = type(batch)(**vars(batch) | {"rewards": 1000 * batch.rewards})
        assert StepWeights(how)(scaled) == pytest.approx(weights)


def test_leave_one_out_refuses_one_trajectory():
    """Nothing is left, so it says what to use."""
    with pytest.raises(ValueError, match="running-mean"):
        estimators.leave_one_out(np.array([[1.0]]))


def test_no_baseline_depends_on_the_action_that_it_weighs():
    """A trajectory's rewards change no baseline of its own, but the batch mean's."""
    batch = random_batch(4)
    changed = batch.rewards.copy()
    changed[batch.mask[:, 1], 1] += 100.0
    other = type(batch)(**vars(batch) | {"rewards": changed})
    trajectory = np.broadcast_to(np.arange(4), batch.mask.shape)[batch.mask]
    for baseline, moves in (
        ("none", False),
        ("leave-one-out", False),
        ("per-step-mean", False),
        ("running-mean", False),
        ("batch-mean", True),
    ):
        how, plain = specification(baseline=baseline), specification()
        mine = [
            (StepWeights(plain)(b) - StepWeights(how)(b))[trajectory == 1]
            for b in (batch, other)
        ]
        assert (abs(mine[0] - mine[1]).max() > 1e-9) == moves


def test_the_entropy_bonus_goes_uphill_to_more_random_policies():
    """Its gradient raises the entropy; a coefficient of 0 would not."""
    theta = torch.tensor([2.0, 0.0], requires_grad=True)
    log_probs = torch.log_softmax(theta, 0)
    entropy = -(log_probs.exp() * log_probs).sum()
    bonus = estimators.entropy_bonus(entropy.expand(3), 0.1, 2)
    assert bonus.item() == pytest.approx(0.1 * 3 / 2 * entropy.item())
    (gradient,) = torch.autograd.grad(bonus, theta)
    assert gradient[0] < 0 < gradient[1]
