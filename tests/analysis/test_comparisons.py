"""Comparisons over runs' values."""

import importlib
import math

import numpy as np
import pytest
import scipy.stats

from pgstudy.analysis.statistics import comparisons
from pgstudy.analysis.statistics.improvement import probability_of_improvement

ONE, TWO = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 2.5, 9.0])


def rliable_module(name):
    """A part of rliable, whose definitions are those of Agarwal et al. 2021.

    Its library needs arch < 8, which pandas 3 breaks with a TypeError.
    """
    try:
        return importlib.import_module(f"rliable.{name}")
    except (ImportError, TypeError) as error:
        pytest.skip(
            f"NOT CHECKED AGAINST RLIABLE ({error}): it is archived and does not work "
            "with pandas 3. Tests by hand hold the same definitions. To run this: "
            "python -m venv /tmp/rliable; /tmp/rliable/bin/pip install rliable "
            "'pandas<3' pytest; PYTHONPATH=src /tmp/rliable/bin/python -m pytest "
            "--noconftest tests/analysis/test_comparisons.py"
        )


def has_no_interval(interval):
    return not math.isnan(interval[0]) and all(map(math.isnan, interval[1:]))


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("mean", 1.0),
        ("median", (0.8 + 0.9) / 2),
        ("iqm", (0.5 + 0.8 + 0.9 + 1.0) / 4),
        ("optimality_gap", (1 + 0.6 + 0.5 + 0.2 + 0.1) / 8),
    ],
)
def test_aggregates_by_hand_over_pooled_environments(name, by_hand):
    """Eight runs, unequal seeds: a run above the target has no gap."""
    values = [np.array([0.4, 3.0, 0.0]), np.array([0.5, 0.9, 1.0, 0.8, 1.4])]
    found = comparisons.AGGREGATES[name](values)
    assert found.estimate == pytest.approx(by_hand)
    assert found.low < found.estimate < found.high


def test_another_target_of_the_optimality_gap():
    gap = comparisons.optimality_gap([np.array([1.0, 4.0, 9.0])], target=5.0)
    assert gap.estimate == pytest.approx((4 + 1 + 0) / 3)


def test_one_seed_has_no_interval():
    """In any environment or sample: nothing is known of the spread."""
    single = np.array([5.0])
    for name in ("mean", "iqm", "optimality_gap"):
        assert has_no_interval(comparisons.AGGREGATES[name]([single, ONE]))
    found = comparisons.welch(single, ONE)
    assert has_no_interval(found)
    assert found.difference == 3


def test_no_seed_has_no_estimate():
    nothing = np.array([])
    for aggregate in comparisons.AGGREGATES.values():
        assert np.isnan(aggregate([nothing])).all()
    assert np.isnan(comparisons.performance_profile([nothing], np.ones(2))).all()
    assert np.isnan(comparisons.welch(ONE, nothing)).all()


def test_two_calls_are_equal_to_the_last_bit():
    """Each function has an explicit generator."""
    generator = np.random.default_rng(4)
    values = generator.normal(size=30)
    calls = [comparisons.width_by_seeds(values, [5, 10, 15]) for _ in range(2)]
    assert calls[0].tobytes() == calls[1].tobytes()


def test_the_performance_profile_by_hand():
    """A run at the threshold is not above it."""
    values = [np.array([1.0, 2.0]), np.array([2.0, 3.0, 4.0])]
    thresholds = np.array([0.0, 1.0, 2.0, 5.0])
    share, low, high = comparisons.performance_profile(values, thresholds)
    assert share.tolist() == [1, 0.8, 0.4, 0]
    assert (low <= share).all()
    assert (share <= high).all()
    exact = scipy.stats.binomtest(2, 5).proportion_ci(method="exact")
    assert (low[2], high[2]) == pytest.approx((exact.low, exact.high))
    assert low[0] < 1, "even where all or none are above it there is width"
    assert high[-1] > 0


def test_welch_by_hand():
    """Variances 1 and 4 of three each: error sqrt(5 / 3), 50 / 17 degrees."""
    found = comparisons.welch(np.array([5.0, 6.0, 7.0]), np.array([1.0, 3.0, 5.0]))
    error = math.sqrt(1 / 3 + 4 / 3)
    freedom = (5 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2)
    assert freedom == pytest.approx(50 / 17)
    half = scipy.stats.t.ppf(0.975, freedom) * error
    p = 2 * scipy.stats.t.sf(3 / error, freedom)
    assert found == pytest.approx((3, 3 - half, 3 + half, p, freedom))


def test_welch_is_scipys():
    found = comparisons.welch(ONE, TWO)
    theirs = scipy.stats.ttest_ind(ONE, TWO, equal_var=False)
    bounds = theirs.confidence_interval(0.95)
    expected = bounds.low, bounds.high, theirs.pvalue, theirs.df
    assert found[1:] == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_samples_without_spread_have_no_interval_and_no_p():
    """0.1 three times has a mean that is not 0.1. One that varies is enough."""
    for one, two in ((0.1, 0.1), (9.0, 7.0)):
        found = comparisons.welch(np.full(3, one), np.full(4, two))
        assert found.difference == pytest.approx(one - two)
        assert np.isnan(found[1:]).all()
    one_varies = comparisons.welch(np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))
    half = scipy.stats.t.ppf(0.975, 2) / math.sqrt(3)
    assert one_varies == pytest.approx((0, -half, half, 1, 2))


def test_welchs_interval_covers_the_truth_and_p_is_its_dual():
    """Unequal sizes and variances, where the pooled t test covers far less."""
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        one, two = generator.normal(3, 5, 6), generator.normal(1, 1, 24)
        found = comparisons.welch(one, two)
        hits += found.low < 2 < found.high
        assert (found.p < 0.05) == (not found.low < 0 < found.high)
    assert 0.92 < hits / 400 < 0.98


def test_holm_by_hand():
    """Four tests were made: times 4, 3, 2, 1 in order, never falling, at most 1."""
    p = np.array([0.03, np.nan, 0.005, 0.02, 0.9])
    found = comparisons.holm(p)
    assert found == pytest.approx(
        np.array([0.06, np.nan, 0.02, 0.06, 0.9]), nan_ok=True
    )
    monotone = comparisons.holm(np.array([0.02, 0.021, 0.6, 0.7]))
    assert monotone == pytest.approx([0.08, 0.08, 1, 1])
    assert np.isnan(comparisons.holm(np.full(2, np.nan))).all()


def test_holm_keeps_the_family_wise_error():
    """Ten true null hypotheses: about 5 % of the families have any rejection."""
    families = np.random.default_rng(8).uniform(size=(1000, 10))
    any_rejected = [comparisons.holm(p).min() < 0.05 for p in families]
    assert 0.03 < np.mean(any_rejected) < 0.07


def test_the_area_is_the_average_height():
    """Equal bins: the mean. Else by hand: widths 1, 1.5, 2."""
    height = comparisons.area(np.array([5.0, 15.0, 25.0]), np.array([1.0, 2.0, 6.0]))
    assert height == pytest.approx(3)
    height = comparisons.area(np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.0, 5.0]))
    assert height == pytest.approx((0 + 3 + 10) / 4.5)
    assert comparisons.area(np.array([5.0]), np.array([7.0])) == 7
    assert math.isnan(comparisons.area(ONE, np.array([1.0, 2.0, np.nan])))
    assert math.isnan(comparisons.area(np.array([]), np.array([])))


def test_widths_by_seeds_by_hand():
    """Two of three: three pairs. All three: the t interval itself."""
    values = np.array([0.0, 1.0, 3.0])
    found = comparisons.width_by_seeds(values, [1, 2, 3, 4])
    pairs = np.mean([1, 3, 2]) / math.sqrt(2) / math.sqrt(2)
    assert found[1] == pytest.approx(2 * scipy.stats.t.ppf(0.975, 1) * pairs)
    low, high = scipy.stats.t.interval(0.95, 2, values.mean(), scipy.stats.sem(values))
    assert found[2] == pytest.approx(high - low)
    assert np.isnan(found[[0, 3]]).all()


def test_drawn_subsets_are_close_to_all_of_them():
    """3003 subsets of 5 of 15, of which 500 are drawn; no seed twice in one."""
    values = np.random.default_rng(9).normal(size=15)
    drawn = comparisons.width_by_seeds(values, [5])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "MAX_SUBSETS", 3003)
        everything = comparisons.width_by_seeds(values, [5])
    assert drawn != everything
    assert drawn == pytest.approx(everything, rel=0.03)
    alone = comparisons.width_by_seeds(values, [2, 5, 10])
    assert alone[1] == drawn[0], "other counts change nothing"


def test_rliable_has_the_same_definitions():
    """Its matrices are [runs, tasks]; its median is of means, so of one run here."""
    metrics = rliable_module("metrics")
    scores, other = np.random.default_rng(12).normal(0.7, 0.5, (2, 20, 3)).round(1)
    for name in ("mean", "iqm", "optimality_gap", "median"):
        matrix = scores[:1] if name == "median" else scores
        ours = comparisons.AGGREGATES[name](list(matrix.T))
        theirs = getattr(metrics, f"aggregate_{name}")(matrix)
        assert ours.estimate == pytest.approx(theirs)
    ours = probability_of_improvement(scores[:, 0], other[:, 0])
    theirs = metrics.probability_of_improvement(scores[:, :1], other[:, :1])
    assert ours.estimate == pytest.approx(theirs)


def test_rliable_has_the_same_performance_profile():
    library = rliable_module("library")
    np.random.seed(0)
    scores = np.random.default_rng(13).normal(0.7, 0.5, (20, 3)).round(1)
    thresholds = np.linspace(0, 1.5, 7)
    ours = comparisons.performance_profile(list(scores.T), thresholds)
    shares, _ = library.create_performance_profile({"": scores}, thresholds)
    assert ours[0] == pytest.approx(shares[""])
