"""The law S(N) = S_min + E_min / N: known answers, coverage, censored runs."""

import math

import numpy as np
import pytest

from pgstudy.analysis.law import fit as law_of
from pgstudy.analysis.law.censored import Point
from pgstudy.analysis.law.fit import Law, fit
from pgstudy.analysis.law.prediction import predicted

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TRUE = Law(30.0, 700.0)
NOTHING = np.empty((0, 0))


def drawn(generator, runs=30, shape=6.0, cap=4.0, tried=NOTHING):
    """Runs of the law, gamma distributed; the cap is so many times the mean."""
    points = []
    for n in COUNTS:
        mean = float(TRUE.updates(np.array([float(n)]))[0])
        updates = generator.gamma(shape, mean / shape, runs)
        points.append(Point(n, np.minimum(updates, cap * mean), cap * mean, tried))
    return points


def test_exact_updates_give_the_law_back():
    """A noisy quadratic has S = S_min (1 + B / N) exactly (McCandlish et al. 2018)."""
    points = [Point(n, np.full(5, 12.5 * (1 + 40 / n)), 1e9, NOTHING) for n in COUNTS]
    found = fit(points)
    assert found.law == pytest.approx((12.5, 500.0), rel=1e-6)
    assert found.critical_n.estimate == pytest.approx(40, rel=1e-6)


def test_a_law_has_the_form_of_the_paper():
    """(S / S_min - 1)(E / E_min - 1) = 1, and both double at the critical N."""
    n = np.array([3.0, 23.0, 400.0])
    updates = TRUE.updates(n)
    product = (updates / TRUE.s_min - 1) * (n * updates / TRUE.e_min - 1)
    assert product == pytest.approx(1)
    at = TRUE.updates(np.array([TRUE.critical_n]))[0]
    assert at == pytest.approx(2 * TRUE.s_min)
    assert TRUE.critical_n * at == pytest.approx(2 * TRUE.e_min)


@pytest.mark.parametrize("cap", [4.0, 1.2], ids=["all arrive", "a third is cut"])
def test_intervals_cover_the_truth_as_often_as_they_say(cap, monkeypatch):
    """95 % within two points, and two standard errors of 400 draws of the data.

    Where a third of the runs is cut, reading the cap as an arrival would miss always.
    """
    monkeypatch.setattr(law_of, "DRAWS", 400)
    generator = np.random.default_rng(5)
    studies, hits = 200, np.zeros(3)
    for _ in range(studies):
        found = fit(drawn(generator, cap=cap))
        pairs = (
            (found.s_min, TRUE.s_min),
            (found.e_min, TRUE.e_min),
            (found.critical_n, TRUE.critical_n),
        )
        hits += [one.low <= true <= one.high for one, true in pairs]
    allowed = 0.02 + 2 * math.sqrt(0.95 * 0.05 / studies)
    assert (abs(hits / studies - 0.95) <= allowed).all(), hits / studies


def test_runs_that_are_cut_do_not_make_the_law_look_cheaper():
    generator = np.random.default_rng(7)
    cut = fit(drawn(generator, runs=400, cap=1.1))
    assert cut.s_min.estimate == pytest.approx(TRUE.s_min, rel=0.1)
    assert cut.e_min.estimate == pytest.approx(TRUE.e_min, rel=0.1)


def test_an_n_at_which_no_run_arrived_says_only_that_it_takes_more():
    """Its own mean is not known, and the law is still that of the others."""
    points = drawn(np.random.default_rng(3), runs=200)
    cut = points[0]._replace(updates=np.full(200, 50.0), cap=50.0)
    found = fit([cut, *points[1:]])
    assert found.updates[0].estimate == math.inf
    assert found.s_min.estimate == pytest.approx(TRUE.s_min, rel=0.1)
    assert found.e_min.estimate == pytest.approx(TRUE.e_min, rel=0.1)


@pytest.mark.parametrize(
    ("updates", "expected"), [((80, 40, 19), (0, 160)), ((10, 11, 12), (11, 0))]
)
def test_a_law_has_no_part_below_zero(updates, expected):
    """Where a line would have one, the other part alone fits what is left."""
    counts = zip((2, 4, 8), updates, strict=True)
    points = [Point(n, np.full(5, float(u)), 1e9, NOTHING) for n, u in counts]
    assert fit(points).law == pytest.approx(expected, rel=0.05, abs=0.1)


def test_updates_that_do_not_stop_falling_have_no_s_min_and_no_critical_n():
    """0 and infinite, and not the least that a search tries; so are ends of intervals.

    30 runs at each N whose mean is 160 / N; and fewer, which resolve no S_min above 0.
    """
    exact = [Point(n, np.full(5, 160 / n), 1e9, NOTHING) for n in (2, 4, 8)]
    assert fit(exact).law == pytest.approx((0, 160))
    generator = np.random.default_rng(1)
    noisy = [
        Point(n, generator.gamma(6, 160 / n / 6, 30), 1e9, NOTHING) for n in (2, 4)
    ]
    found = fit(noisy)
    assert found.s_min.low == 0
    assert 0 < found.critical_n.low < found.critical_n.high == math.inf


def test_p_is_small_where_another_curve_is_true_and_not_where_the_law_is():
    generator = np.random.default_rng(11)
    assert fit(drawn(generator)).p > 0.01
    points = [
        Point(n, generator.gamma(6, 100 / n**0.3 / 6, 30), 1e9, NOTHING) for n in COUNTS
    ]
    assert fit(points).p < 1e-6


def test_intervals_carry_the_choice_of_the_learning_rate():
    """Two learning rates that four noisy seeds hardly tell apart widen the interval
    downwards; one that is clearly best changes nothing.
    """
    runs = drawn(np.random.default_rng(2))
    unclear = np.array([[90.0, 110, 95, 105], [60.0, 150, 80, 130]])
    clear = np.array([[90.0, 110, 95, 105], [900.0, 950, 980, 990]])
    alone = fit(runs)
    for tried, wider in ((unclear, True), (clear, False)):
        found = fit([point._replace(tried=tried) for point in runs])
        assert (found.s_min.low < alone.s_min.low - 0.1) == wider
        assert found.s_min.estimate == alone.s_min.estimate


def test_the_prediction_is_the_geometric_mean_of_both_noise_scales():
    import pandas as pd

    rows = [
        {"environment": "e", "estimator": "a", "at": at, "n": n, "batches": batches}
        | {"noise_scale": b, "noise_scale_low": b / 2, "noise_scale_high": b * 2}
        for at, b in (("start", 16.0), ("middle", 1e9), ("end", 64.0))
        for n, batches, b in ((1, 1000, b), (64, 10, 7 * b))
    ]
    found = predicted(pd.DataFrame(rows), "e", "a")
    assert (found.start, found.end) == (16.0, 64.0)
    assert found.critical_n.estimate == pytest.approx(32)
    factor = 2 ** (math.sqrt(2) / 2)
    assert found.critical_n[1:] == pytest.approx((32 / factor, 32 * factor))
    assert math.isnan(predicted(pd.DataFrame(rows), "e", "b").critical_n.estimate)
