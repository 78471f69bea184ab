"""Trajectories of a group begin in one state, and are independent from there on."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.parallel.same_starts import SameStarts
from pgstudy.learning.rollouts.sampling import training_samplers
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    EstimatorSpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import specification

GROUPS_OF_3 = EstimatorSpecification(trajectories_per_start=3)
RANDOM_STARTS = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1", "Taxi-v4")


def starts(environment_id, updates, seed=5):
    """First observations of N = 9 in groups of 3: [updates, group, member, inputs]."""
    how = specification(
        environment=EnvironmentSpecification(environment_id, {}, 20),
        n=9,
        estimator=GROUPS_OF_3,
    )
    (sampler,) = training_samplers(how, [seed])
    found = [sampler.sample().inputs[:9] for _ in range(updates)]
    sampler.close()
    return np.array(found).reshape(updates, 3, 3, -1)


@pytest.mark.parametrize("environment_id", RANDOM_STARTS)
def test_a_group_begins_in_one_state_and_others_in_others(environment_id):
    """Within a group the same bits; between groups, updates and seeds other states."""
    found = starts(environment_id, 4)
    assert (found == found[:, :, :1]).all()
    groups = found[:, :, 0].reshape(12, -1)
    assert len(np.unique(groups, axis=0)) > 10  # two of Taxi's 300 may coincide
    other = starts(environment_id, 4, seed=6)[:, :, 0].reshape(12, -1)
    assert not (groups == other).all(1).any()


def lake(size, resets):
    """Where the first step leads on ice, for lanes of one group: [resets, size]."""
    where = EnvironmentSpecification("FrozenLake-v1", {}, 100)
    environments = SameStarts(where, list(range(size)), size)
    rows = np.zeros((2, size, 16))
    found = []
    for _ in range(resets):
        environments.reset(rows[0])
        assert (rows[0].argmax(1) == 0).all()
        environments.step(np.full(size, 2), rows[1], [])
        found.append(rows[1].argmax(1))
    environments.close()
    return np.array(found)


def test_transitions_of_a_group_are_independent():
    """Of each pair of lanes, and of one lane at two resets: all 3 x 3 ways as often."""
    found = np.searchsorted([0, 1, 4], lake(3, 3600))
    pairs = [(found[:, i], found[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    pairs.append((found[:-1:2, 0], found[1::2, 0]))
    for one, other in pairs:
        counts = np.bincount(3 * one + other, minlength=9)
        assert chisquare(counts).pvalue > 1e-3


def test_starts_are_spread_as_without_groups():
    """CartPole's are uniform on (-.05, .05) in each of four numbers."""
    first = starts("CartPole-v1", 400)[:, :, 0].reshape(-1)
    counts, _ = np.histogram(first, bins=10, range=(-0.05, 0.05))
    assert counts.sum() == 4800
    assert chisquare(counts).pvalue > 1e-3


def test_groups_of_one_lane_each_would_begin_apart():
    """The first lane of a group begins where no other group does, at once."""
    how = specification(n=4, estimator=replace(GROUPS_OF_3, trajectories_per_start=1))
    (sampler,) = training_samplers(how, [0])
    first = sampler.sample().inputs[:4]
    assert len(np.unique(first, axis=0)) == 4


def test_a_run_in_groups_repeats_and_is_another_than_one_without():
    """The option is part of what the streams are spawned from."""
    grouped = specification(
        n=4, estimator=EstimatorSpecification(trajectories_per_start=2)
    )
    assert train(grouped, 1).digest() == train(grouped, 1).digest()
    assert train(grouped, 1).digest() != train(specification(n=4), 1).digest()


def test_what_can_not_begin_alike_is_refused():
    """Lanes of a vector environment, and what a stranger made."""
    vector = EnvironmentSpecification("CartPole-v1", {}, 500, True)
    with pytest.raises(UnusableEnvironment, match="vectorize"):
        SameStarts(vector, [0, 1], 2)
    strange = EnvironmentSpecification("test/Broken-v0", {}, 500)
    with pytest.raises(UnusableEnvironment, match="Gymnasium's own"):
        SameStarts(strange, [0, 1], 2)


@pytest.mark.parametrize(("n", "size"), [(4, 3), (2, 4), (4, 0)])
def test_no_specification_has_parts_of_groups(n, size):
    """N is B times G."""
    how = EstimatorSpecification(trajectories_per_start=size)
    with pytest.raises(ValueError, match="whole groups"):
        specification(n=n, estimator=how)
