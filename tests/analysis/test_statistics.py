"""Aggregates over seeds."""

import numpy as np
import pytest
import scipy.stats

from pgstudy.analysis import statistics


def test_iqm_of_eight_is_the_mean_of_the_middle_four():
    """By hand."""
    values = np.array([0, 100, 3, 4, 5, 6, -50, 200.0])
    assert statistics.interquartile_mean(values) == pytest.approx((3 + 4 + 5 + 6) / 4)


def test_the_unit_of_replication_is_the_seed():
    """Three seeds at 0, 10, 20: a wide interval, whatever the episodes (case 8)."""
    low, high = statistics.bootstrap_interval(np.array([0.0, 10.0, 20.0]), "mean")
    assert high - low > 13
    assert low >= 0
    assert high <= 20


def test_one_seed_has_no_interval():
    """Nothing is known of the spread."""
    low, high = statistics.bootstrap_interval(np.array([5.0]), "mean")
    assert np.isnan(low)
    assert np.isnan(high)


def test_the_interval_is_the_same_at_each_call_and_close_to_scipys():
    """An explicit generator; scipy's percentile bootstrap agrees."""
    values = np.random.default_rng(0).normal(size=12)
    first = statistics.bootstrap_interval(values, "mean")
    assert statistics.bootstrap_interval(values, "mean") == first
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    assert first == pytest.approx(tuple(theirs), abs=0.06)


@pytest.mark.parametrize("aggregate", ["mean", "iqm"])
def test_the_interval_covers_the_truth(aggregate):
    """Of 400 studies of 20 seeds about 95 % hold the true mean."""
    generator = np.random.default_rng(2)
    studies = generator.normal(size=(20, 400))
    low, high = statistics.bootstrap_interval(studies, aggregate)
    assert 0.88 < ((low < 0) & (high > 0)).mean() < 0.98


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
    result = statistics.column_aggregates(values)
    assert result["n"].tolist() == [3, 3, 3, 0]
    assert np.isnan(result["mean"][3])
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


def test_runs_that_never_reach_the_threshold_count_as_never():
    """Two of three: the median is a number; one of three: never."""
    inf = np.inf
    assert statistics.median_or_never(np.array([100.0, inf, 300.0])) == 300
    assert statistics.median_or_never(np.array([100.0, inf, inf])) == inf
    assert statistics.median_or_never(np.array([100.0, 200.0, 300.0, inf])) == 250
    assert statistics.median_or_never(np.array([100.0, 200.0, inf, inf])) == inf
