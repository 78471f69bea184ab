"""Aggregates over seeds."""

import numpy as np
import pytest

from pgstudy.analysis.statistics import basics as statistics
from pgstudy.analysis.statistics.curves import column_aggregates
from pgstudy.analysis.statistics.intervals import mean_bounds


def test_iqm_of_eight_is_the_mean_of_the_middle_four():
    """By hand."""
    values = np.array([0, 100, 3, 4, 5, 6, -50, 200.0])
    assert statistics.interquartile_mean(values) == pytest.approx((3 + 4 + 5 + 6) / 4)


def test_ragged_seeds_meet_on_one_grid_without_extrapolation():
    """Seeds that end at other steps: smooth means, and n falls at the end (case 5)."""
    edges = np.array([0.0, 100, 200, 300, 400])
    seeds = [[100, 200, 300], [150, 300], [120, 240, 360]]
    values = np.array(
        [
            statistics.binned(np.array(x, float), np.array(x) / 10 + 5 * seed, edges)
            for seed, x in enumerate(seeds)
        ]
    )
    result = column_aggregates(values)
    assert result["n"].tolist() == [3, 3, 3, 0]
    assert np.isnan(result["mean"][3])
    low, high = mean_bounds(values[:, :3])
    assert (result["low"][:3] == low).all()
    assert (result["high"][:3] == high).all()
    steps = np.diff(result["mean"][:3])
    assert (abs(steps - 10) < 2.5).all()


def test_long_episodes_do_not_weigh_more():
    """N = 1, return minus length: the mean is per trajectory, not per step."""
    lengths = np.tile([1.0, 99.0], 500)
    ends = np.cumsum(lengths)
    edges = np.array([0.0, ends[-1]])
    found = statistics.binned(ends, -lengths, edges)
    assert found == pytest.approx([-50.0])


def test_an_update_over_an_edge_counts_by_its_share():
    """Update 2 lies half in each bin."""
    ends, returns = np.array([50.0, 150.0, 200.0]), np.array([0.0, 6.0, 12.0])
    found = statistics.binned(ends, returns, np.array([0.0, 100.0, 200.0]))
    assert found == pytest.approx([3 / 1.5, 15 / 1.5])


def test_every_trajectory_weighs_the_same_where_updates_have_more_of_them():
    """2 of return 1 and 6 of 5 by step 100; half of 4 of return 9 in the rest."""
    ends, returns, n = np.array([[50.0, 100, 200], [1, 5, 9], [2, 6, 4]])
    found = statistics.binned(ends, returns, np.array([0.0, 100.0, 150.0]), n)
    assert found == pytest.approx([(2 * 1 + 6 * 5) / 8, 9])
