"""Each kind of claim, from hand-made tables, at the edges of its verdict."""

import math

import pandas as pd
import pytest

from pgstudy.analysis import claims
from pgstudy.analysis.aggregates import Aggregates
from pgstudy.analysis.claims import CHANCE, FAILS, HOLDS, OPEN
from pgstudy.analysis.names import GRADIENT_COLUMNS, figure_names
from pgstudy.analysis.tables import Tables
from pgstudy.experiment.loading import load_study
from pgstudy.experiment.tuning import place, restricted
from tests.analysis.test_aggregates import made_study

NOTHING, NAN = pd.DataFrame(), math.nan
PAIRS = ["environment", "one_estimator", "one_n", "two_estimator", "two_n",
         "improvement", "improvement_low", "improvement_high"]  # fmt: skip
UPDATES = ["environment", "estimator", "n", "learning_rate", "update", "env_steps",
           "mean", "low", "high"]  # fmt: skip
NOT_MEASURED = pd.DataFrame(columns=GRADIENT_COLUMNS)
ESTIMATORS = [{"name": "plain"}, {"name": "other", "baseline": "running-mean"}]
NAME = "a/b"  # its figures are named a%2Fb


def studied(**changes):
    changes = {"estimators": ESTIMATORS, "gradients": {}} | changes
    return made_study({"name": NAME}, **changes)


def said(study, *, updates=(), pairs=(), gradients=NOT_MEASURED, tuning=None, cells=()):
    summary = pd.DataFrame(cells)
    made = Tables(
        NOTHING, NOTHING, NOTHING, pd.DataFrame(updates, columns=UPDATES), summary
    )
    beside = Aggregates(NOTHING, NOTHING, pd.DataFrame(pairs, columns=PAIRS), NOTHING)
    return claims.build(study, made, beside, gradients, tuning)


def only(found, words):
    """The one claim that has these words."""
    (row,) = found[found["claim"].str.contains(words, regex=False)].to_dict("records")
    return row


def of_pair(*interval, n=(1, 4), estimator="plain"):
    return [NAME, estimator, n[0], estimator, n[1], *interval]


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.9, 0.6, 1.0), HOLDS),
        ((0.7, 0.51, 0.9), HOLDS),
        ((0.7, 0.5, 0.9), OPEN),
        ((0.5, 0.2, 0.8), OPEN),
        ((0.3, 0.1, 0.5), OPEN),
        ((0.3, 0.1, 0.49), FAILS),
        ((0.0, 0.0, 0.0), FAILS),
        ((1.0, NAN, NAN), OPEN),
    ],
)
def test_a_larger_n_ends_higher_if_the_whole_interval_is_above_one_half(
    interval, verdict
):
    row = only(said(studied(), pairs=[of_pair(*interval)]), "At equal environment")
    assert row["verdict"] == verdict
    found = row["estimate"], row["low"], row["high"]
    assert found == pytest.approx(interval, nan_ok=True)
    assert row["figure"] == "improvement"
    assert "plain ends higher with N = 4 than with 1" in row["claim"]


def test_ends_of_n_are_compared_within_one_estimator():
    """Neither neighbours in between nor pairs of two estimators make a claim."""
    study = studied(sample_counts=[1, 4, 16])
    pairs = [of_pair(0.9, 0.8, 1, n=n) for n in ((1, 4), (4, 16), (1, 16))]
    pairs += [[NAME, "plain", 1, "other", 16, 0.1, 0, 0.2]]
    pairs += [["elsewhere", "plain", 1, "plain", 16, 0.1, 0, 0.2]]
    found = said(study, pairs=pairs)
    assert found["claim"].tolist() == [
        "At equal environment steps, plain ends higher with N = 16 than with 1"
    ]


def curve(n, mean, half, *, steps, update=10, rate=0.5):
    return [NAME, "plain", n, rate, update, steps, mean, mean - half, mean + half]


@pytest.mark.parametrize(
    ("gap", "verdict"), [(6, HOLDS), (5, OPEN), (0, OPEN), (-5, OPEN), (-6, FAILS)]
)
def test_at_equal_updates_the_last_means_are_compared(gap, verdict):
    """Halves 3 and 4 of the two intervals make 5; earlier updates are irrelevant."""
    updates = [curve(1, 10, 3, steps=100), curve(4, 10 + gap, 4, steps=350)]
    updates += [curve(1, 99, 0, steps=9, update=1), curve(4, -9, 0, steps=9, update=1)]
    row = only(said(studied(), updates=updates), "At equal updates")
    assert (row["estimate"], row["low"], row["high"]) == (gap, gap - 5, gap + 5)
    assert row["verdict"] == verdict
    assert "on 3.5 times the steps of N = 1" in row["claim"]
    assert row["figure"] == "equal_updates-a%2Fb"


def test_single_seeds_leave_it_undecided():
    """They have no interval."""
    updates = [curve(1, 10, NAN, steps=100), curve(4, 20, NAN, steps=400)]
    row = only(said(studied(), updates=updates), "At equal updates")
    assert (row["estimate"], row["verdict"]) == (10, OPEN)


def test_without_finished_runs_at_one_n_nothing_is_said_of_equal_updates():
    assert said(studied(), updates=[curve(1, 10, 1, steps=100)]).empty


@pytest.mark.parametrize("rates", [[0.5, 0.25], [0.25, 0.5]])
def test_of_several_step_sizes_the_best_is_compared_at_equal_updates(rates):
    """As in pairs and figures; in whichever order the config lists them."""
    optimizer = {"learning_rate": {1: rates, 4: rates}}
    estimators = [ESTIMATORS[0]]
    study = made_study({"name": NAME, "optimizer": optimizer}, estimators=estimators)
    means = {(1, 0.5): 10, (1, 0.25): -70, (4, 0.5): 40, (4, 0.25): -90}
    updates, cells = [], []
    for cell in study.cells:
        mean = means[cell.n, cell.alpha]
        updates.append(curve(cell.n, mean, 1, steps=100, rate=cell.alpha))
        cells.append(
            {"environment": NAME, "estimator": "plain", "n": cell.n, "finished": 2,
             "learning_rate": cell.alpha, "final_return": mean}
        )  # fmt: skip
    row = only(said(study, updates=updates, cells=cells), "At equal updates")
    assert row["estimate"] == 40 - 10


def measured(*rows):
    place = {"environment": NAME, "at": "end", "estimator": "plain"}
    return pd.DataFrame([place | row for row in rows], columns=GRADIENT_COLUMNS)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((-0.98, -1.05, -0.9), HOLDS),
        ((-0.9, -1.0, -0.8), HOLDS),
        ((-1.1, -1.2, -1.0), HOLDS),
        ((-0.8, -0.99, -0.6), FAILS),
        ((-1.2, -1.4, -1.01), FAILS),
        ((-1.0, NAN, NAN), OPEN),
    ],
)
def test_variance_falls_as_one_over_n_if_minus_1_is_inside(interval, verdict):
    names = ("slope", "slope_low", "slope_high")
    gradients = measured(dict(zip(names, interval, strict=True)))
    row = only(said(studied(), gradients=gradients), "falls as 1/N")
    assert row["verdict"] == verdict
    assert row["estimate"] == interval[0]
    assert row["claim"].startswith("At the end of training, the variance of plain")
    assert row["figure"] == "gradients-a%2Fb"


def test_a_slope_that_could_not_be_fitted_is_no_claim():
    """One N has none."""
    gradients = measured({"slope": NAN, "slope_low": NAN, "slope_high": NAN})
    assert said(studied(sample_counts=[4]), gradients=gradients).empty


def bias(ratio, chance=2.0, **place):
    return {"n": 1, "bias": ratio * chance, "bias_by_chance": chance} | place


@pytest.mark.parametrize(
    ("worst", "verdict"), [(1, HOLDS), (CHANCE, HOLDS), (3.6, FAILS), (40, FAILS)]
)
def test_one_biased_measurement_of_several_is_found(worst, verdict):
    """Of one estimator; the other keeps its own verdict."""
    rows = [bias(0.8), bias(worst, n=4), bias(1.2, at="start")]
    gradients = measured(*rows, bias(0.5, estimator="other"))
    found = said(studied(), gradients=gradients)
    row = only(found, "plain is an unbiased")
    assert (row["estimate"], row["verdict"]) == (
        pytest.approx(max(worst, 1.2)),
        verdict,
    )
    assert row["quantity"].endswith("largest of 3")
    assert only(found, "other is an unbiased")["verdict"] == HOLDS


def test_estimates_that_were_all_zero_say_nothing_of_bias():
    """A goal that no trajectory reached: no spread, so nothing to be unlikely by."""
    gradients = measured(bias(1.1, n=4), {"n": 1, "bias": 0.2, "bias_by_chance": 0.0})
    row = only(said(studied(), gradients=gradients), "plain is an unbiased")
    assert (row["estimate"], row["verdict"]) == (pytest.approx(1.1), HOLDS)
    gradients = measured({"n": 1, "bias": 0.0, "bias_by_chance": 0.0})
    found = said(studied(), gradients=gradients)
    assert not found["claim"].str.contains("unbiased").any()


def spread(name, value, factor, **place):
    bounds = {f"{name}_low": value / factor, f"{name}_high": value * factor}
    return {"n": 4, "bias": 1.0, "bias_by_chance": 1.0, name: value} | bounds | place


@pytest.mark.parametrize(
    ("other", "verdict"), [(1, HOLDS), (2, OPEN), (8, OPEN), (16, FAILS)]
)
def test_less_variance_than_the_first_estimator(other, verdict):
    """Each known to a factor 2, so their ratio to a factor 2 ** sqrt(2) = 2.67."""
    rows = [spread("variance", 4, 2), spread("variance", other, 2, estimator="other")]
    # At another N and elsewhere in training it is the other way round.
    rows += [spread("variance", 64 / other, 1.1, estimator="other", n=1)]
    rows += [spread("variance", 64 / other, 1.1, estimator="other", at="start")]
    row = only(said(studied(), gradients=measured(*rows)), "less variance")
    factor = 2 ** math.sqrt(2)
    expected = other / 4, other / 4 / factor, other / 4 * factor
    found = row["estimate"], row["low"], row["high"]
    assert found == pytest.approx(expected, rel=1e-6)
    assert row["verdict"] == verdict
    assert row["claim"] == "At the end, other has less variance than plain"


@pytest.mark.parametrize(
    ("end", "verdict"), [(16, HOLDS), (8, OPEN), (2, OPEN), (1, FAILS)]
)
def test_the_gradient_is_harder_to_see_at_the_end(end, verdict):
    """By the noise scales of the first estimator at its largest N."""
    sizes = {"start": 4, "middle": 1000, "end": end}
    rows = [spread("noise_scale", v, 2, at=at) for at, v in sizes.items()]
    row = only(said(studied(), gradients=measured(*rows)), "harder to see")
    assert row["estimate"] == pytest.approx(end / 4)
    assert row["verdict"] == verdict


@pytest.mark.parametrize("low", [0.0, NAN])
def test_a_ratio_with_an_unknown_bound_is_undecided(low):
    one, two = spread("variance", 4, 2), spread("variance", 1, 2, estimator="other")
    gradients = measured(one, two | {"variance_low": low})
    row = only(said(studied(), gradients=gradients), "less variance")
    assert (row["estimate"], row["verdict"]) == (0.25, OPEN)
    zero = measured(one, two | {"variance": 0.0, "variance_low": 0.0})
    assert only(said(studied(), gradients=zero), "less variance")["verdict"] == OPEN


def tuned(power, counts=(1, 4, 16)):
    """(study, runs): the best step size is 2^-8 N^power, on every one of 4 seeds."""
    best = {n: 2**-8 * n**power for n in counts}
    rates = {n: [rate / 2, rate, rate * 2] for n, rate in best.items()}
    config = {
        "study": "tuned", "seeds": 2, "sample_counts": list(counts),
        "tune": {"seeds": 4}, "estimators": [{"name": "plain"}],
        "environments": [
            {"id": "ShortCorridor-v0", "name": NAME, "max_episode_steps": 9,
             "env_steps": 8, "optimizer": {"learning_rate": rates}},
        ],
    }  # fmt: skip
    study = load_study(config)
    rows = [
        {"environment": NAME, "estimator": "plain", "n": c.n, "seed": seed,
         "learning_rate": c.alpha, "area": seed - abs(math.log(c.alpha / best[c.n]))}
        for c in study.cells
        for seed in range(4)
    ]  # fmt: skip
    chosen = {place(c): best[c.n] for c in study.cells}
    return restricted(study, chosen), Tables(pd.DataFrame(rows), *[NOTHING] * 4)


@pytest.mark.parametrize(
    ("power", "faster", "proportional"),
    [(1, HOLDS, HOLDS), (0.75, HOLDS, FAILS), (0.5, OPEN, FAILS), (0, FAILS, FAILS)],
)
def test_how_the_best_step_size_grows(power, faster, proportional):
    """Seeds that agree leave an interval of no width: no rounding may decide."""
    study, tuning = tuned(power)
    found = said(study, tuning=tuning)
    rows = [only(found, words) for words in ("root of N", "in proportion")]
    for row in rows:
        assert (row["estimate"], row["low"], row["high"]) == pytest.approx([power] * 3)
        assert row["figure"] == "tuning-a%2Fb"
    assert [row["verdict"] for row in rows] == [faster, proportional]


def everything(study, tuning):
    rows = [{"slope": -1.0, "slope_low": -1.1, "slope_high": -0.9}]
    for at in ("start", "middle", "end"):
        both = spread("variance", 4, 2, at=at) | spread("noise_scale", 4, 2, at=at)
        rows += [both, both | {"estimator": "other"}]
    rates = {cell.n: cell.alpha for cell in study.cells}
    return said(
        study,
        updates=[curve(n, n, 1, steps=n, rate=rate) for n, rate in rates.items()],
        pairs=[of_pair(0.9, 0.8, 1)],
        gradients=measured(*rows),
        tuning=tuning,
    )


def test_every_claim_has_a_figure_of_the_study():
    """All kinds at once, of a tuned study with two estimators."""
    one, tuning = tuned(1, counts=(1, 4))
    config = one.config | {"estimators": ESTIMATORS, "gradients": {}}
    chosen = {place(c): c.alpha for c in one.cells}
    chosen |= {at.replace("plain", "other"): a for at, a in chosen.items()}
    study = restricted(load_study(config), chosen)
    found = everything(study, tuning)
    assert len(found) == 1 + 2 + 1 + 1 + 1 + 1 + 2
    assert set(found["figure"]) <= set(figure_names(study))
    assert list(found.columns) == claims.COLUMNS


def test_without_gradients_there_are_claims_of_returns_alone():
    updates = [curve(1, 10, 1, steps=100), curve(4, 20, 1, steps=400)]
    found = said(studied(), updates=updates, pairs=[of_pair(0.9, 0.8, 1)])
    starts = [claim.split(",")[0] for claim in found["claim"]]
    assert starts == ["At equal environment steps", "At equal updates"]


def test_with_one_n_there_is_no_claim_of_n():
    """Those of the gradient at this N stay."""
    _, tuning = tuned(1)
    study = studied(sample_counts=[4])
    rows = [bias(1, n=4, at="start", estimator=k) for k in ("plain", "other")]
    gradients = measured(*rows)
    found = said(study, updates=[curve(4, 1, 1, steps=9)], gradients=gradients,
                 tuning=tuning)  # fmt: skip
    assert found["claim"].str.contains("unbiased").all()
    assert len(found) == 2


def test_a_study_without_anything_has_an_empty_table_of_claims():
    found = said(studied(sample_counts=[4]))
    assert found.empty
    assert list(found.columns) == claims.COLUMNS
