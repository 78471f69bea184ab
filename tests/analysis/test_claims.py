"""Claims about returns and learning rates, from hand-made tables."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from pgstudy.analysis.claims import claims
from pgstudy.analysis.claims.law import law_claims
from pgstudy.analysis.claims.verdicts import (
    AT_EDGE,
    CONSISTENT,
    FAILS,
    HOLDS,
    OPEN,
    TOO_FEW,
    UNTESTED,
    Claim,
    above,
    below,
    judge,
    within,
)
from pgstudy.analysis.common.columns import CLAIMS, GRADIENTS, names
from pgstudy.analysis.common.names import FigureKey, figure_names
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.statistics import comparisons, improvement
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.study.tuning import Choice, restricted
from tests.analysis.test_aggregates import made_study

NOTHING, NAN = pd.DataFrame(), math.nan
PAIRS = [
    "environment",
    "one_estimator",
    "one_n",
    "two_estimator",
    "two_n",
    "improvement",
    "improvement_low",
    "improvement_high",
    "improvement_p",
]
UPDATES = ["environment", "estimator", "n", "learning_rate", "update", "env_steps"]
RUNS = ["environment", "estimator", "n", "learning_rate", "equal_updates_return"]
NOT_MEASURED = pd.DataFrame(columns=names(GRADIENTS))
ESTIMATORS = [{"name": "plain"}, {"name": "other", "baseline": "running-mean"}]
NAME = "a/b"  # its figures are named a%2Fb


def studied(**changes):
    changes = {"estimators": ESTIMATORS, "gradients": {}, "seeds": 10} | changes
    return made_study({"name": NAME}, **changes)


def said(study, *, runs=(), steps=(), pairs=(), tuning=None, cells=()):
    """runs: (N, values at equal updates, learning rate); steps: rows of UPDATES."""
    rows = [
        [NAME, "plain", n, rate, value] for n, values, rate in runs for value in values
    ]
    made = Tables(
        pd.DataFrame(rows, columns=RUNS),
        NOTHING,
        NOTHING,
        pd.DataFrame(steps, columns=UPDATES),
        pd.DataFrame(cells),
    )
    beside = Aggregates(NOTHING, NOTHING, pd.DataFrame(pairs, columns=PAIRS), NOTHING)
    return claims.build(study, made, beside, NOT_MEASURED, tuning)


def only(found, words):
    """The one claim that has these words."""
    (row,) = found[found["claim"].str.contains(words, regex=False)].to_dict("records")
    return row


def of_pair(one, two, n=(1, 4), estimator="plain"):
    """A row of pairs.csv, from the runs' values."""
    found = improvement.probability_of_improvement(np.array(two), np.array(one))
    p = min(1, 2 * min(improvement.rank_tests(np.array(two), np.array(one))))
    return [NAME, estimator, n[0], estimator, n[1], *found, p]


LOW, HIGH = np.arange(10.0), np.arange(10.0) + 20


# Verdicts.


def claim(tests, **options):
    figure = FigureKey("improvement")
    return Claim(NAME, "asked?", "c", "q", Interval(1, 0, 2), tests, figure, **options)


def test_p_of_an_interval_is_that_of_the_t_test():
    """Both directions, one-sided; at the end of a 95 % interval it is 2.5 %."""
    values = np.random.default_rng(0).normal(0.4, 1, 8)
    error = scipy.stats.sem(values)
    bounds = scipy.stats.t.interval(0.95, 7, values.mean(), error)
    found = Interval(values.mean(), *bounds)
    for side, p in zip(("greater", "less"), above(found, 0.1, 7), strict=True):
        test = scipy.stats.ttest_1samp(values, 0.1, alternative=side)
        assert p == pytest.approx(test.pvalue)
    assert above(found, bounds[0], 7).holds == pytest.approx(0.025)
    assert below(found, bounds[1], 7).holds == pytest.approx(0.025)
    assert below(found, 0.1, 7) == above(found, 0.1, 7)[::-1]
    assert above(Interval(1, NAN, NAN), 0) == UNTESTED


def test_equivalence_is_both_one_sided_tests():
    """An interval that holds the value but is wider than the margin proves nothing."""
    wide, narrow = Interval(-1, -2, 0), Interval(-1, -1.05, -0.95)
    assert within(wide, -1.1, -0.9).holds > 0.4
    assert within(narrow, -1.1, -0.9).holds < 0.001
    assert within(Interval(-0.5, -0.6, -0.4), -1.1, -0.9).fails < 0.001
    found = judge([claim(within(wide, -1.1, -0.9), otherwise=CONSISTENT)])
    assert found["verdict"].tolist() == [CONSISTENT]


def test_holm_runs_over_all_claims_of_a_study():
    """p is two-sided: .008 and .02 make .016 and .02 of two, .04 of five."""
    strong, weak = above(Interval(1, 0.3, 1.7), 0), above(Interval(1, 0.1, 1.9), 0)
    none = above(Interval(1, -9, 11), 0)
    alone = judge([claim(weak)])
    assert alone["verdict"].tolist() == [HOLDS]
    assert alone["p"].item() == alone["p_holm"].item() == pytest.approx(2 * weak.holds)
    family = judge([claim(weak), claim(strong), *[claim(none)] * 3])
    assert family["verdict"].tolist() == [OPEN, HOLDS, OPEN, OPEN, OPEN]
    assert family["p_holm"].tolist()[:2] == pytest.approx(
        [8 * weak.holds, 10 * strong.holds]
    )


def test_barred_and_untested_claims_do_not_count_in_the_family():
    sure = above(Interval(-1, -1.1, -0.9), 0)
    some = [claim(sure, barred=TOO_FEW, note="why"), claim(UNTESTED), claim(sure)]
    found = judge(some)
    assert found["verdict"].tolist() == [TOO_FEW, OPEN, FAILS]
    assert found["note"].tolist() == ["why", "", ""]
    assert found["p"].isna().tolist() == [True, True, False]
    assert found["p_holm"].iloc[2] == found["p"].iloc[2]


def test_the_family_errs_in_five_percent_of_studies_in_which_nothing_is_so():
    """Eight claims, each from ten seeds of two equal cells: any verdict is wrong."""
    generator, wrong, uncorrected = np.random.default_rng(5), 0, 0
    for _ in range(400):
        made = []
        for one, two in generator.normal(size=(8, 2, 10)):
            test = comparisons.welch(one, two)
            made.append(claim(above(Interval(*test[:3]), 0, test.df)))
        found = judge(made)
        wrong += (found["verdict"] != OPEN).any()
        uncorrected += (found["p"] < 0.05).any()
    assert 0.02 < wrong / 400 < 0.08
    assert uncorrected / 400 > 0.25


# Returns.


@pytest.mark.parametrize(
    ("one", "two", "verdict"),
    [
        (LOW, HIGH, HOLDS),
        (HIGH, LOW, FAILS),
        (LOW, LOW, OPEN),
        (LOW, LOW + 3, OPEN),
    ],
)
def test_a_larger_n_ends_higher_by_the_exact_rank_test(one, two, verdict):
    row = only(said(studied(), pairs=[of_pair(one, two)]), "At equal environment")
    assert row["verdict"] == verdict
    test = scipy.stats.mannwhitneyu(two, one, method="exact")
    if len(set(one) | set(two)) == 20:  # without ties scipy's exact p is the same
        assert row["p"] == pytest.approx(test.pvalue)
    assert row["figure"] == "improvement"
    assert "plain ends higher with N = 4 than with 1" in row["claim"]


@pytest.mark.parametrize("seeds", [2, 3, 4, 5])
def test_fewer_than_five_seeds_have_no_verdict(seeds):
    """Disjoint samples: it was [0, 0] and "does not hold" at two seeds."""
    study = studied(seeds=seeds)
    few, many = LOW[:seeds], HIGH[:seeds]
    runs, steps = [(1, few, 0.5), (4, many, 0.5)], [at(1, 100), at(4, 400)]
    found = said(study, pairs=[of_pair(few, many)], runs=runs, steps=steps)
    expected = HOLDS if seeds == 5 else TOO_FEW
    assert found["verdict"].tolist() == [expected] * 2
    assert (found["low"] < found["high"]).all()
    if seeds < 5:
        assert found["note"].tolist() == [f"{seeds} seeds, 5 are needed"] * 2
        assert found["p"].isna().all()


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"env_steps": 8}, "At equal environment steps"),
        ({"episodes": 8}, "At equal episodes"),
        ({"updates": 8}, "At equal updates"),
    ],
)
def test_the_unit_that_was_equal_is_named(budget, words):
    """It was "environment steps" whatever the budget."""
    entry = {
        "id": "ShortCorridor-v0",
        "name": NAME,
        "max_episode_steps": 9,
        "optimizer": {"learning_rate": 0.5},
    } | budget
    study = studied(environments=[entry])
    found = said(study, pairs=[of_pair(LOW, HIGH)])
    assert only(found, "ends higher")["claim"].startswith(words + ",")


def test_without_equal_budgets_there_is_no_claim_of_them():
    """N = 4 has twice the steps here."""
    estimators = [{"name": "plain"}, {"name": "other", "baseline": "running-mean"}]
    study = studied(estimators=estimators)
    few, many = study.cells_of(NAME, "plain")
    budget = replace(many.specification.budget, amount=16)
    more = replace(many, specification=replace(many.specification, budget=budget))
    unequal = replace(study, cells=(few, more))
    assert len(said(study, pairs=[of_pair(LOW, HIGH)])) == 1
    assert said(unequal, pairs=[of_pair(LOW, HIGH)]).empty


def test_ends_of_n_are_compared_within_one_estimator():
    """Neither neighbours in between nor pairs of two estimators make a claim."""
    study = studied(sample_counts=[1, 4, 16])
    pairs = [of_pair(LOW, HIGH, n=n) for n in ((1, 4), (4, 16), (1, 16))]
    pairs += [[NAME, "plain", 1, "other", 16, 0.1, 0, 0.2, 0.01]]
    pairs += [["elsewhere", "plain", 1, "plain", 16, 0.1, 0, 0.2, 0.01]]
    found = said(study, pairs=pairs)
    assert found["claim"].tolist() == [
        "At equal environment steps, plain ends higher with N = 16 than with 1"
    ]


def at(n, env_steps, update=10, rate=0.5):
    return [NAME, "plain", n, rate, update, env_steps]


@pytest.mark.parametrize(
    ("gap", "verdict"), [(6, HOLDS), (2, OPEN), (0, OPEN), (-1, OPEN), (-6, FAILS)]
)
def test_at_equal_updates_the_runs_are_compared_by_welch(gap, verdict):
    """From each run's own value; unequal spreads, and a run that did not finish."""
    few, many = LOW, np.append(LOW[:8] * 0.2 + gap + 3, NAN)
    runs = [(1, few, 0.5), (4, many, 0.5)]
    steps = [at(1, 100), at(4, 350), at(1, 9, update=1), at(4, 9, update=1)]
    row = only(said(studied(), runs=runs, steps=steps), "At equal updates")
    theirs = scipy.stats.ttest_ind(many[:-1], few, equal_var=False)
    bounds = theirs.confidence_interval()
    expected = many[:-1].mean() - few.mean(), bounds.low, bounds.high
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx(expected)
    assert row["p"] == pytest.approx(theirs.pvalue)
    assert row["verdict"] == verdict
    assert "on 3.5 times the steps of N = 1" in row["claim"]
    assert row["figure"] == "equal_updates-a%2Fb"


def test_without_finished_runs_at_one_n_nothing_is_said_of_equal_updates():
    assert said(studied(), runs=[(1, LOW, 0.5)], steps=[at(1, 100)]).empty


@pytest.mark.parametrize("rates", [[0.5, 0.25], [0.25, 0.5]])
def test_of_several_learning_rates_the_best_is_compared_at_equal_updates(rates):
    """As in pairs and figures; in whichever order the config lists them."""
    optimizer = {"learning_rate": {1: rates, 4: rates}}
    study = made_study(
        {"name": NAME, "optimizer": optimizer}, estimators=[ESTIMATORS[0]]
    )
    means = {(1, 0.5): 10, (1, 0.25): -70, (4, 0.5): 40, (4, 0.25): -90}
    runs, steps, cells = [], [], []
    for cell in study.cells:
        mean = means[cell.n, cell.learning_rate]
        runs.append((cell.n, LOW + mean, cell.learning_rate))
        steps.append(at(cell.n, 100, rate=cell.learning_rate))
        cells.append(
            {
                "environment": NAME,
                "estimator": "plain",
                "n": cell.n,
                "finished": 2,
                "learning_rate": cell.learning_rate,
                "final_return": mean,
            }
        )
    row = only(said(study, runs=runs, steps=steps, cells=cells), "At equal updates")
    assert row["estimate"] == 40 - 10


# Learning rates.


def tuned(power, counts=(1, 64), seeds=5, chosen=0, factor=2.0):
    """(study, tables): the best learning rate is 2^-20 N^power, on every seed.

    chosen: how many steps of the grid above the best one the chosen one lies.
    """
    best = {n: 2**-20 * n**power for n in counts}
    rates = {n: [rate * factor**k for k in (-1, 0, 1)] for n, rate in best.items()}
    config = {
        "study": "tuned",
        "seeds": 5,
        "sample_counts": list(counts),
        "tune": {"seeds": seeds},
        "estimators": [{"name": "plain"}],
        "environments": [
            {
                "id": "ShortCorridor-v0",
                "name": NAME,
                "max_episode_steps": 9,
                "env_steps": 8,
                "optimizer": {"learning_rate": rates},
            },
        ],
    }
    study = load_study(config)
    rows = [
        {
            "environment": NAME,
            "estimator": "plain",
            "n": c.n,
            "seed": seed,
            "learning_rate": c.learning_rate,
            "area": seed - abs(math.log(c.learning_rate / best[c.n])),
        }
        for c in study.cells
        for seed in range(seeds)
    ]
    sizes = [Choice(*c.group, best[c.n] * factor**chosen) for c in study.cells]
    return restricted(study, sizes), Tables(pd.DataFrame(rows), *[NOTHING] * 4)


@pytest.mark.parametrize(
    ("power", "faster", "proportional"),
    [(1, HOLDS, OPEN), (0.5, OPEN, FAILS), (0, FAILS, FAILS)],
)
def test_how_the_best_learning_rate_grows(power, faster, proportional):
    """Seeds that agree: half a step of the grid at each end is still not known."""
    study, tuning = tuned(power)
    found = said(study, tuning=tuning)
    rows = [only(found, words) for words in ("root of N", "in proportion")]
    half = math.log(2) / math.log(64)
    for row in rows:
        expected = [power, power - half, power + half]
        shown = row["estimate"], row["low"], row["high"]
        assert shown == pytest.approx(expected, abs=1e-9)
        assert row["figure"] == "tuning-a%2Fb"
    assert [row["verdict"] for row in rows] == [faster, proportional]


def test_a_fine_grid_can_show_proportion():
    study, tuning = tuned(1, factor=1.1)
    assert only(said(study, tuning=tuning), "in proportion")["verdict"] == HOLDS


@pytest.mark.parametrize(("chosen", "end"), [(-1, "smallest"), (1, "largest")])
def test_no_verdict_rests_on_a_step_size_at_the_edge_of_its_grid(chosen, end):
    """Neither of rates nor of returns; one step further in there are verdicts."""
    for steps, barred in ((chosen, True), (0, False)):
        study, tuning = tuned(1, chosen=steps)
        rates = {cell.n: cell.learning_rate for cell in study.cells}
        runs = [(1, LOW, rates[1]), (64, HIGH, rates[64])]
        axis = [at(n, 100 * n, rate=rate) for n, rate in rates.items()]
        pairs = [of_pair(LOW, HIGH, n=(1, 64))]
        found = said(study, runs=runs, steps=axis, pairs=pairs, tuning=tuning)
        assert len(found) == 4
        assert (found["verdict"] == AT_EDGE).all() == barred
        assert (found["verdict"] == HOLDS).any() != barred
        if barred:
            assert found["note"].str.contains(f"of N = 64 is the {end}").all()
            assert found["p_holm"].isna().all()


def test_few_tuning_seeds_have_no_verdict():
    study, tuning = tuned(1, seeds=4)
    assert set(said(study, tuning=tuning)["verdict"]) == {TOO_FEW}


def test_a_grid_of_one_learning_rate_has_no_edge():
    study, tuning = tuned(1)
    rates = {cell.n: cell.learning_rate for cell in study.cells}
    here = tuning.runs["learning_rate"] == tuning.runs["n"].map(rates)
    single = Tables(tuning.runs[here], *[NOTHING] * 4)
    assert AT_EDGE not in set(said(study, tuning=single)["verdict"])
    # nor did it grow: what the config says is no finding, with p = 0
    assert not said(study, tuning=single)["claim"].str.contains("grows").any()


# All of them.


def test_every_claim_has_a_figure_of_the_study():
    study, tuning = tuned(1)
    rates = {cell.n: cell.learning_rate for cell in study.cells}
    found = said(
        study,
        runs=[(n, LOW, rate) for n, rate in rates.items()],
        steps=[at(n, n, rate=rate) for n, rate in rates.items()],
        pairs=[of_pair(LOW, HIGH, n=(1, 64))],
        tuning=tuning,
    )
    assert len(found) == 2 + 2
    assert set(found["figure"]) <= set(figure_names(study))
    assert list(found.columns) == names(CLAIMS)


def test_with_one_n_there_is_no_claim_of_n():
    _, tuning = tuned(1, counts=(4,))
    study = studied(sample_counts=[4])
    found = said(study, runs=[(4, LOW, 0.5)], steps=[at(4, 9)], tuning=tuning)
    assert found.empty
    assert list(found.columns) == names(CLAIMS)


def test_a_critical_n_without_end_is_compared_with_nothing():
    """Its law still has the likelihood ratio, and its E_min both ends."""
    closed = {"s_min": 5.0, "s_min_low": 4.0, "s_min_high": 6.0}
    closed |= {"critical_n": 20.0, "critical_n_low": 15.0, "critical_n_high": 25.0}
    endless = {"s_min": 0.0, "s_min_low": 0.0, "s_min_high": 7.0}
    endless |= {"critical_n": math.inf, "critical_n_low": 9.0}
    endless |= {"critical_n_high": math.inf}
    both = {"environment": "lake", "fit_p": 0.5, "points": 3}
    both |= {"e_min": 100.0, "e_min_low": 90.0, "e_min_high": 110.0}
    both |= {"predicted_n": 30.0, "predicted_n_low": 20.0, "predicted_n_high": 40.0}
    rows = [
        both | closed | {"estimator": "plain"},
        both | endless | {"estimator": "other"},
    ]
    points = pd.DataFrame({"environment": [], "edge": [], "estimator": []})
    found = list(law_claims(Tradeoffs(points, pd.DataFrame(rows)), "lake"))
    untested = [claim for claim in found if claim.tests == UNTESTED]
    assert [claim.claim for claim in untested] == [
        "The critical N of other is what the gradient's noise predicts",
        "other needs as many updates as plain, S_min",
    ]
    assert all(math.isnan(claim.found.low) for claim in untested)
    assert set(judge(untested)["verdict"]) == {OPEN}
    assert len(found) == 6
