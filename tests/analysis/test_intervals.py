"""Every interval over seeds: by hand, and how often it covers the truth."""

import math

import numpy as np
import pytest
import scipy.stats

from benchmarks import coverage as simulation
from pgstudy.analysis.statistics import coverage, improvement, intervals
from pgstudy.analysis.statistics.coverage import CLOSE, DATA, KINDS, SEEDS

NAN, INF = math.nan, math.inf
ONE, TWO = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 2.5, 9.0])
REPETITIONS = 800


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", KINDS)
def test_intervals_cover_as_often_as_their_label_says(name, data):
    """Within two points of 95 %, or of what is printed; `pytest -s` shows all."""
    found = simulation.measured(coverage.OF_SEEDS, name, data, REPETITIONS)
    low, high = KINDS[name].covers[data]
    print(
        f"{name}, {data}: {np.round(found, 1).tolist()} at {SEEDS} seeds, "
        f"said: {KINDS[name].text(data)}"
    )
    assert np.nanmin(found) >= low - CLOSE
    assert np.nanmax(found) <= high + CLOSE
    assert np.nanmin(found) <= low + CLOSE, "the label says less than it should"
    assert np.nanmax(found) >= high - CLOSE


def test_the_bootstrap_that_was_here_would_be_found_out():
    """A percentile bootstrap of the mean covers 85 % at five seeds, not 95 %."""
    generator, hits = np.random.default_rng(0), 0
    for _ in range(1000):
        values = generator.normal(size=5)
        draws = values[generator.integers(5, size=(500, 5))].mean(axis=1)
        _, low, high = intervals.percentile_interval(0.0, draws)
        hits += low < 0 < high
    assert hits / 1000 < coverage.NOMINAL / 100 - 0.05


def test_every_kind_is_simulated_and_labels_say_95_only_where_it_is_close():
    kinds = [*KINDS, *coverage.GRADIENT_KINDS]
    assert sorted(simulation.SIMULATED) == sorted(kinds)
    assert KINDS["mean"].text("normal") == "95 %"
    low, high = KINDS["mean"].covers["log-normal"]
    assert KINDS["mean"].text("log-normal") == f"{low} to {high} %"
    for table in coverage.tables(gradients=True):
        assert {len(row) for row in table.rows()} == {len(table.header)}
        assert {tuple(kind.covers) for kind in table.kinds.values()} == {
            tuple(table.columns)
        }


def test_the_mean_is_students_and_points_are_on_their_own():
    values = np.random.default_rng(0).normal(size=(7, 3))
    low, high = intervals.mean_bounds(values)
    error = scipy.stats.sem(values)
    theirs = scipy.stats.t.interval(0.95, 6, values.mean(0), error)
    np.testing.assert_allclose([low, high], theirs)
    single = intervals.mean([values[:, 0]])
    assert single[1:] == pytest.approx((low[0], high[0]))


def test_one_seed_and_equal_seeds_have_no_interval():
    """0.1 three times has a mean that is not 0.1: no width by rounding either."""
    for values in (np.array([5.0]), np.full(3, 0.1), np.full(20, 7.0)):
        assert np.isnan(intervals.mean_bounds(values)).all()
        assert intervals.mean([values])[0] == pytest.approx(values[0])
        assert np.isnan(intervals.mean([values])[1:]).all()
        assert np.isnan(intervals.interquartile([values])[1:]).all()
    assert np.isnan(intervals.mean([np.array([])])).all()
    assert np.isnan(intervals.mean([np.array([5.0]), ONE])[1:]).all()


def test_two_environments_have_satterthwaites_degrees_of_freedom():
    """The difference to Welch's test is a sign: mean(x) + mean(y) over 2."""
    found = intervals.mean([ONE, -TWO[:3]])
    theirs = scipy.stats.ttest_ind(ONE, TWO[:3], equal_var=False).confidence_interval()
    assert found[1:] == pytest.approx((theirs.low / 2, theirs.high / 2))
    apart = intervals.mean([ONE, ONE + 1000])
    assert apart.high - apart.low < 5, "environments differ: that is no noise"


def test_the_interquartile_mean_is_tukey_and_mclaughlins():
    """By hand: of eight values two are cut and two pulled in at each end."""
    values = np.array([0, 100, 3, 4, 5, 6, -50, 200.0])
    pulled = np.array([3, 6, 3, 4, 5, 6, 3, 6.0])
    error = pulled.std(ddof=1) / (0.5 * math.sqrt(8))
    half = scipy.stats.t.ppf(0.975, 3) * error
    found = intervals.interquartile([values])
    assert found == pytest.approx((4.5, 4.5 - half, 4.5 + half))


def test_the_median_has_the_sign_tests_interval():
    """Exact levels: five values 93.75 %, ten 97.9 %, and never counts as the last."""
    assert intervals.median(np.array([3.0, 1, 2, 5, 4])) == (3, 1, 5)
    assert intervals.median(np.arange(10.0)) == (4.5, 1, 8)
    assert intervals.median(np.array([9, 8, 7, INF, INF, INF])) == (INF, 7, INF)
    assert intervals.median(np.array([9, 8, 7, 6, 5, INF, INF])) == (8, 5, INF)
    assert np.isnan(intervals.median(np.arange(4.0))[1:]).all()
    assert np.isnan(intervals.median(np.array([]))).all()


def test_a_share_of_all_or_none_has_width():
    found = intervals.share(5, 5)
    assert (found.estimate, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 5))
    assert intervals.share(0, 5).high == pytest.approx(1 - 0.025 ** (1 / 5))
    assert np.isnan(intervals.share(0, 0)).all()


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 3), (4, 6), (10, 10), (25, 25)])
def test_the_rank_test_is_scipys_exact_one(n, m):
    generator = np.random.default_rng(n)
    one, two = generator.normal(0.5, 1, n), generator.normal(0, 1, m)
    for side, p in zip(
        ("greater", "less"), improvement.rank_tests(one, two), strict=True
    ):
        test = scipy.stats.mannwhitneyu(one, two, alternative=side, method="exact")
        assert p == pytest.approx(test.pvalue, rel=1e-9)


def test_lehmanns_family_is_that_of_exponentials():
    """U of X and Y with hazards 1 and h, against a simulation."""
    tails = improvement.lehmann(3, 4)
    at = int(np.argmin(abs(improvement.LOGITS - 1)))
    hazard = math.exp(improvement.LOGITS[at])
    generator = np.random.default_rng(1)
    x = generator.exponential(1, size=(20_000, 3, 1))
    y = generator.exponential(1 / hazard, size=(20_000, 1, 4))
    u = (x > y).sum(axis=(1, 2))
    shares = [(u >= k).mean() for k in range(13)]
    np.testing.assert_allclose(tails.above[at], shares, atol=0.015)
    np.testing.assert_allclose(tails.above[:, 0], 1)


def test_few_disjoint_seeds_prove_nothing():
    """Two seeds each: p is 1/3; three: .1; four: .029. And no width is ever zero."""
    for n, p in ((2, 1 / 3), (3, 0.1), (4, 1 / 35), (5, 1 / 126)):
        low, high = np.arange(n) * 1.0, np.arange(n) + 100.0
        assert 2 * min(improvement.rank_tests(high, low)) == pytest.approx(p)
        found = improvement.probability_of_improvement(high, low)
        assert (found.estimate, found.high) == (1, 1)
        assert found.low < 1
        assert (found.low > 0.5) == (p < 0.05)
        mirrored = improvement.probability_of_improvement(low, high)
        assert mirrored == pytest.approx((0, 0, 1 - found.low))


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_the_interval_excludes_one_half_just_where_the_test_does(n):
    """Below n m = 625 exactly; above it both are approximations."""
    generator, agree = np.random.default_rng(n), []
    for _ in range(200):
        one, two = generator.normal(1, 1, n), generator.normal(0, 1, n)
        found = improvement.probability_of_improvement(one, two)
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        tested = 2 * min(improvement.rank_tests(one, two)) < 0.05
        agree.append(tested == (not found.low <= 0.5 <= found.high))
    assert all(agree) if n * n <= improvement.LARGEST else np.mean(agree) > 0.97


def test_the_exact_and_the_approximate_interval_meet():
    """25 against 25 is exact, 26 against 25 is not."""
    generator = np.random.default_rng(3)
    one, two = generator.normal(0.6, 1, 26), generator.normal(0, 1, 25)
    exact = improvement.probability_of_improvement(one[:25], two)
    near = improvement.probability_of_improvement(one, two)
    assert exact[1:] == pytest.approx(near[1:], abs=0.05)


@pytest.mark.filterwarnings("error")
def test_failed_runs_are_the_worst_and_tie():
    """-inf is a run that failed: of 6 pairs, one tie and three wins, then all ties."""
    failed = np.array([-INF, 1.0])
    found = improvement.probability_of_improvement(failed, np.array([-INF, 0, -1]))
    assert found.estimate == pytest.approx((0.5 + 3) / 6)
    assert 0 <= found.low < found.estimate < found.high <= 1
    for n in (3, 30):
        never = np.full(n, -INF)
        estimate, low, high = improvement.probability_of_improvement(never, never)
        assert estimate == 0.5
        assert low < 0.5 < high
        assert min(improvement.rank_tests(never, never)) >= 0.5


def test_one_seed_has_no_rank_test():
    assert np.isnan(improvement.rank_tests(ONE[:1], TWO)).all()
    assert np.isnan(improvement.probability_of_improvement(ONE[:1], TWO)[1:]).all()
    assert np.isnan(improvement.probability_of_improvement(ONE[:0], TWO)).all()
    found = improvement.probability_of_improvement(ONE, TWO)
    assert found.estimate == pytest.approx((1 + 1.5 + 3) / 12)
