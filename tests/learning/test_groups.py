"""Groups of trajectories that begin alike, by enumeration: docs/estimators.md.

`pytest tests/learning/test_groups.py` is the command that makes its numbers.
"""

import math

import numpy as np
import pytest

from pgstudy.experiment.study.estimators import PRESETS
from pgstudy.learning.estimators.baselines import StepWeights
from tests.learning.enumeration import (
    as_batch,
    bandit,
    corridor,
    from_any,
    mean_of_groups,
    moments,
    specification,
    two_starts,
)
from tests.learning.test_documented_biases import SKEWED, THETA, degrees

LOGITS = (0.4, -0.2)
STARTS = two_starts(LOGITS)


def preset(name, size):
    return specification(**PRESETS[name], trajectories_per_start=size)


def exactly():
    return moments(specification(), from_any(STARTS), LOGITS)[0]


def test_the_two_starts_are_not_alike():
    """Else nothing here would show what a group is."""
    means = [sum(t.probability * sum(t.rewards) for t in ts) for _, ts in STARTS]
    assert abs(means[0] - means[1]) > 0.5
    assert np.linalg.norm(exactly()) > 0.1


@pytest.mark.parametrize(("size", "count"), [(2, 1), (3, 1), (2, 2)])
def test_rloo_is_unbiased_where_starts_are_random(size, count):
    """All batches, of one group and of two."""
    found = mean_of_groups(preset("rloo", size), STARTS, LOGITS, count)
    assert found == pytest.approx(exactly(), abs=1e-12)


@pytest.mark.parametrize("how", [{}, {"baseline": "per-step-mean", "credit": "to-go"}])
def test_groups_alone_bias_nothing(how):
    """Nor do baselines that look at the others of the group."""
    grouped = specification(**how, trajectories_per_start=2)
    found = mean_of_groups(grouped, STARTS, LOGITS, 2)
    assert found == pytest.approx(exactly(), abs=1e-12)


@pytest.mark.parametrize("size", [2, 3])
def test_the_mean_of_a_group_leaves_that_share(size):
    """dr-grpo: (G - 1) / G of grad J, with two groups as with one."""
    for count in (1, 2) if size == 2 else (1,):
        found = mean_of_groups(preset("dr-grpo", size), STARTS, LOGITS, count)
        assert found == pytest.approx((size - 1) / size * exactly(), abs=1e-12)


@pytest.mark.parametrize(("size", "angle"), [(2, 28.45), (4, 21.69), (6, 15.25)])
def test_the_deviation_of_a_group_turns_the_gradient(size, angle):
    """grpo, on a bandit, where every length is 1: all 3^G groups."""
    arms = [(1.0, bandit(SKEWED, THETA))]
    found = mean_of_groups(preset("grpo", size), arms, THETA, 1)
    whole, _ = moments(specification(), bandit(SKEWED, THETA), THETA)
    assert degrees(found, whole) == pytest.approx(angle, abs=0.005)


def test_more_groups_do_not_help_the_deviation():
    """The angle is that of G, not that of N = 4."""
    arms = [(1.0, bandit(SKEWED, THETA))]
    found = mean_of_groups(preset("grpo", 2), arms, THETA, 2)
    whole, _ = moments(specification(), bandit(SKEWED, THETA), THETA)
    assert degrees(found, whole) == pytest.approx(28.45, abs=0.005)


@pytest.mark.parametrize("case", [((0.0, 0.0), 4), ((0.5, -0.5), 12)])
def test_division_by_length_leaves_nothing_of_the_corridors_gradient(case):
    """At N = 1: a return of -T, divided by T, is the constant -1."""
    theta, trajectories = case[0], corridor(*case)
    whole, _ = moments(specification(), trajectories, theta)
    found, _ = moments(specification(length_division=True), trajectories, theta)
    assert abs(whole[1]) > 0.05
    assert found == pytest.approx([0.0, 0.0], abs=1e-12)


@pytest.mark.parametrize(("size", "share"), [(2, 0.161), (3, 0.215)])
def test_what_length_division_leaves_with_the_mean_of_a_group(size, share):
    """grpo-no-std on the corridor, limit of four steps, both actions as likely.

    The quotient C / T is -1 and leaves nothing; of the mean, (G - 1) / G J E[S / T].
    """
    theta = (0.0, 0.0)
    trajectories = corridor(theta, 4)
    mean = sum(t.probability * sum(t.rewards) for t in trajectories)
    scores = [(t.probability, np.mean(t.actions) - 0.5) for t in trajectories]
    left = -(size - 1) / size * mean * sum(p * s for p, s in scores)
    whole, _ = moments(specification(), trajectories, theta)
    found = mean_of_groups(preset("grpo-no-std", size), [(1.0, trajectories)], theta, 1)
    assert found[1] == pytest.approx(left, abs=1e-12)
    assert found[1] / whole[1] == pytest.approx(share, abs=5e-4)


def test_grpo_by_hand():
    """(C - mean) / deviation / length, within each of two groups."""
    short, long = (trajectories for _, trajectories in STARTS)
    batch = as_batch([short[0], short[1], long[0], long[1]])
    weights = np.zeros(batch.mask.shape)
    weights[batch.mask] = StepWeights(preset("grpo", 2))(batch)
    assert weights[0] == pytest.approx([-1.0, 1.0, -1.0, 0.5])
    assert weights[1] == pytest.approx([0.0, 0.0, 0.0, 0.5])


def test_one_group_is_the_whole_batch():
    """G = N gives the weights of no groups, for every option that looks at others."""
    batch = as_batch([*STARTS[0][1], *STARTS[1][1]])
    for baseline in ("batch-mean", "leave-one-out", "per-step-mean"):
        for credit in ("total", "to-go"):
            how = {"baseline": baseline, "credit": credit, "normalise": True}
            alone = StepWeights(specification(**how))(batch)
            grouped = specification(**how, trajectories_per_start=5)
            assert (StepWeights(grouped)(batch) == alone).all()
            assert math.isfinite(abs(alone).sum())
