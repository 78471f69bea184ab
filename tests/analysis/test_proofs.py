"""Bias by enumeration: right values, and a verdict for every kind of estimator."""

import re

import numpy as np
import pytest

from pgstudy.analysis.proofs.moments import moments
from pgstudy.analysis.proofs.problems import PROBLEMS
from pgstudy.analysis.proofs.verdict import rows, verdict
from pgstudy.learning.specification import EstimatorSpecification, ValueSpecification
from tests.commands import pgstudy
from tests.learning import enumeration
from tests.learning.own_code import PLACE

BANDIT, CORRIDOR, MDP = PROBLEMS
GRPO = EstimatorSpecification(baseline="batch-mean", normalise=True)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_the_exact_gradient_is_the_slope_of_the_expected_return(problem):
    """By central differences of sum p(tau) R(tau); trajectories add up to 1."""
    assert sum(t.probability for t in problem.trajectories) == pytest.approx(1)
    assert np.linalg.norm(problem.gradient(1.0)) > 0.01
    step, gamma = 1e-5, 0.9
    for k in range(problem.theta.size):
        moved = []
        for sign in (1, -1):
            theta = problem.theta.copy()
            theta.flat[k] += sign * step
            other = type(problem)(
                problem.name, problem.model, problem.shown, theta, problem.horizon
            )
            gained = [
                t.probability * sum(gamma**i * r for i, r in enumerate(t.rewards))
                for t in other.trajectories
            ]
            moved.append(sum(gained))
        slope = (moved[0] - moved[1]) / (2 * step)
        assert problem.gradient(gamma)[k] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(
    "how",
    [
        EstimatorSpecification(),
        EstimatorSpecification("to-go", baseline="batch-mean"),
        EstimatorSpecification("to-go", baseline="per-step-mean"),
        GRPO,
    ],
)
def test_moments_are_those_of_the_tests_own_enumeration(how, n):
    """Which shares nothing with it but the weights: on the bandit and the corridor."""
    for problem, every in (
        (BANDIT, enumeration.bandit((0.0, 1.0, 5.0), (0.5, 0.0, -0.5))),
        (CORRIDOR, enumeration.corridor((0.0, 0.4), 4)),
    ):
        mean, covariance = enumeration.moments(how, every, problem.theta[0], n)
        found = moments(how, problem, n)
        assert found.mean == pytest.approx(mean, abs=1e-12)
        assert found.variance == pytest.approx(np.trace(covariance), abs=1e-12)


@pytest.mark.parametrize(("n", "degrees"), [(2, 28.45), (4, 21.69), (6, 15.25)])
def test_the_published_angles_of_grpo(n, degrees):
    """On the bandit of the reference values."""
    mean, exact = moments(GRPO, BANDIT, n).mean, BANDIT.gradient(1.0)
    cosine = mean @ exact / np.linalg.norm(mean) / np.linalg.norm(exact)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(degrees, abs=0.005)


def test_variance_falls_as_one_over_n_and_not_where_trajectories_are_compared():
    """The first is theory; leave-one-out gains more from a larger N."""
    for problem in PROBLEMS:
        total = [moments(EstimatorSpecification(), problem, n) for n in (1, 4)]
        assert total[0].variance == pytest.approx(4 * total[1].variance)
        compared = EstimatorSpecification(baseline="leave-one-out")
        two, four = (moments(compared, problem, n).variance for n in (2, 4))
        assert two > 2.05 * four


VALUE = ValueSpecification(0.1)
STEP = ValueSpecification(0.1, "constant", update="step")
SIZES = r"biased in size: its mean is 0 \(N = 1\), 0.5 \(N = 2\), 0.667 \(N = 3\), 0.75"
VERDICTS = [
    (EstimatorSpecification(), "unbiased$"),
    (EstimatorSpecification("to-go", 0.9), "unbiased$"),
    (EstimatorSpecification("to-go", 0.9, "biased"), "biased in direction"),
    (EstimatorSpecification(baseline="constant", constant=-3.0), "unbiased$"),
    (EstimatorSpecification(baseline="leave-one-out"), "unbiased$"),
    (EstimatorSpecification("to-go", baseline="per-step-mean"), "unbiased$"),
    (EstimatorSpecification(baseline="running-mean"), "unbiased$"),
    (EstimatorSpecification(baseline="running-mean", window=2), "unbiased$"),
    (EstimatorSpecification("to-go", baseline="learned", value=VALUE), "unbiased$"),
    (EstimatorSpecification("to-go", baseline="learned", value=STEP), "biased in dir"),
    (EstimatorSpecification(baseline="batch-mean"), SIZES),
    (EstimatorSpecification(baseline="batch-mean", trajectories_per_start=2), SIZES),
    (GRPO, r"biased in direction: by up to 34.1 degrees \(random MDP, N = 2\)"),
    (EstimatorSpecification(length_division=True), "biased in direction"),
    (EstimatorSpecification(weights=f"{PLACE}:median"), "unbiased$"),
    (EstimatorSpecification(weights=f"{PLACE}:to_go"), "unbiased$"),
    (EstimatorSpecification(weights=f"{PLACE}:Slow"), "unbiased$"),
    (EstimatorSpecification(weights=f"{PLACE}:own_in_mean"), SIZES),
    (EstimatorSpecification(weights=f"{PLACE}:mean_over_steps"), "biased in direction"),
    (EstimatorSpecification(weights=f"{PLACE}:raises"), "could not be enumerated"),
    (EstimatorSpecification(weights=f"{PLACE}:exits"), "could not be enumerated: 2"),
    (
        EstimatorSpecification(weights=f"{PLACE}:fails_when_short"),
        "unbiased; not known on corridor, random MDP: too long for me",
    ),
    (
        EstimatorSpecification(weights=f"{PLACE}:not_finite"),
        "biased in .*; not known on bandit, random MDP: it gives weights that",
    ),
]


@pytest.mark.parametrize(("how", "words"), VERDICTS)
def test_every_kind_has_its_verdict(how, words):
    """An unbiased one is within rounding of grad J, on all problems and every N."""
    found = verdict(rows({"x": how}))
    assert re.match(words, found), found


def test_one_that_fails_at_some_n_is_judged_at_the_others():
    """leave-one-out is not there at N = 1, and that row says why."""
    found = rows({"x": EstimatorSpecification(baseline="leave-one-out")})
    assert [row.n for row in found if row.reason] == [1, 1, 1]
    assert "N >= 2" in found[0].reason
    assert verdict(found) == "unbiased"


MODULE = """
import numpy as np
def own_mean(rewards, mask, gamma):
    returns = rewards.sum(0)
    return (returns - returns.mean())[None]
def drawn(rewards, mask, gamma):
    return rewards * np.random.default_rng().normal()
"""


def test_the_command_says_it_of_a_file_in_the_working_folder(tmp_path):
    """With the size of the bias, built-in ones beside; a mistake is one line."""
    (tmp_path / "provedlab.py").write_text(MODULE)
    code, said = pgstudy("prove", "provedlab:own_mean", cwd=tmp_path)
    assert code == 0
    assert (
        "provedlab:own_mean: biased in size: its mean is 0 (N = 1), 0.5 (N = 2)" in said
    )
    assert "| leave-one-out | unbiased |" in said
    for what, words in {
        "provedlab:drawn": "other weights for the same batches",
        "provedlab:none": "module provedlab has no 'none'",
        "yourlab:f": "module yourlab can't be imported",
        "none.yaml": "none.yaml can't be read",
    }.items():
        code, said = pgstudy("prove", what, cwd=tmp_path)
        assert code == 1
        assert words in said
