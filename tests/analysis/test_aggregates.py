"""Cells beside cells, and the tables that they are made from, by hand."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats

from pgstudy.analysis.statistics import comparisons
from pgstudy.analysis.tables import aggregates
from pgstudy.analysis.tables import build as tables
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables, at_best_learning_rates, seed_curves
from pgstudy.analysis.tables.histories import History
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import UPDATES, Store

NOTHING = pd.DataFrame()
NAN = math.nan


def made_study(*environments, **changes):
    """A study on corridors, named, perhaps with a threshold or a learning rate."""
    entries = [
        {
            "id": "ShortCorridor-v0",
            "max_episode_steps": 9,
            "env_steps": 8 * (i + 1),
            "optimizer": {"learning_rate": 0.5},
        }
        | entry
        for i, entry in enumerate(environments)
    ]
    config = {
        "study": "made",
        "seeds": 4,
        "sample_counts": [1, 4],
        "bins": 2,
        "environments": entries,
        "estimators": [{"name": "plain"}],
    }
    return load_study(config | changes)


def made_tables(study, finals, untrained=-80.0):
    """Runs with these final returns for each cell, in order; NaN did not finish."""
    rows, summary = [], []
    for cell, values in zip(study.cells, finals, strict=True):
        place = {
            "environment": cell.environment,
            "estimator": cell.estimator,
            "n": cell.n,
            "learning_rate": cell.learning_rate,
        }
        for seed, value in enumerate(values):
            ended = {"final_return": value, "untrained_return": untrained}
            if math.isnan(value):
                ended["untrained_return"] = NAN
            rows.append(place | {"seed": seed} | ended)
        done = [value for value in values if not math.isnan(value)]
        mean = np.mean(done) if done else NAN
        summary.append(place | {"finished": len(done), "final_return": mean})
    runs, cells = pd.DataFrame(rows), pd.DataFrame(summary)
    return Tables(runs, NOTHING, NOTHING, NOTHING, cells)


def built(study, finals, **options):
    return aggregates.build(study, made_tables(study, finals, **options))


SCORED = {"name": "a", "threshold": -20}
FINALS = [[-50, 10, NAN, -65], [-80, -80, -80, -80]]  # scores 0.5, 1.5, 0, 0.25


def scores_at(found, n):
    return found.scores[found.scores["n"] == n].set_index("aggregate")


def test_scores_by_hand():
    """From -80 untrained to the threshold -20 it is 60; one did not finish: 0."""
    found = scores_at(built(made_study(SCORED), FINALS), 1)
    assert found["estimate"].to_dict() == pytest.approx(
        {
            "mean": (0.5 + 1.5 + 0 + 0.25) / 4,
            "median": (0.25 + 0.5) / 2,
            "iqm": (0.25 + 0.5) / 2,
            "optimality_gap": (0.5 + 0 + 1 + 0.75) / 4,
        }
    )
    assert set(found["runs"]) == {4}
    known = found.drop("median")  # of four runs it has no interval
    assert (known["low"] < known["estimate"]).all()
    assert (known["estimate"] < known["high"]).all()


def test_the_untrained_policy_scores_0_and_the_threshold_1():
    finals = [[-80] * 4, [-20] * 4]
    found = built(made_study(SCORED), finals)
    for n, score in ((1, 0), (4, 1)):
        estimates = scores_at(found, n)["estimate"].drop("optimality_gap")
        assert estimates.tolist() == [score] * 3


def test_untrained_is_the_mean_over_all_runs_of_the_environment():
    """So that every cell of it has the same scale."""
    study = made_study(SCORED)
    made = made_tables(study, [[-50] * 4, [-50] * 4])
    made.runs["untrained_return"] = [-100.0] * 4 + [-60.0] * 4
    found = aggregates.build(study, made)
    assert scores_at(found, 1)["estimate"]["mean"] == 0.5
    assert scores_at(found, 4)["estimate"]["mean"] == 0.5


def test_environments_are_pooled_and_those_without_a_threshold_have_no_scores():
    """Two have one, the third counts in no score and no profile."""
    other = {"name": "b", "threshold": -60}
    study = made_study(SCORED, other, {"name": "c"})
    finals = [*FINALS, [-80, -60, -70, -70], *[[0.0] * 4] * 3]
    found = built(study, finals)
    row = scores_at(found, 1).loc["mean"]
    assert (row["environments"], row["runs"]) == (2, 8)
    assert row["estimate"] == pytest.approx((2.25 + 0 + 1 + 0.5 + 0.5) / 8)
    none = built(made_study({"name": "c"}), FINALS)
    assert none.scores.empty
    assert none.profiles.empty
    assert len(none.pairs) == 1


@pytest.mark.parametrize("threshold", [-80, -90])
def test_a_threshold_that_the_untrained_policy_reaches_gives_no_scores(threshold):
    study = made_study({"name": "a", "threshold": threshold})
    made = made_tables(study, FINALS)
    assert aggregates.build(study, made).scores.empty
    reason = f"its threshold, {threshold}.0, is not above the untrained return, -80.0"
    assert aggregates.unscored(study, made) == {"a": reason}


def test_environments_without_scores_are_named_with_the_reason():
    study = made_study(SCORED, {"name": "c"})
    made = made_tables(study, [*FINALS, *FINALS])
    assert aggregates.unscored(study, made) == {"c": "it has no threshold"}
    made.runs["untrained_return"] = NAN
    reason = "no untrained return was measured"
    assert aggregates.unscored(study, made)["a"] == reason


def test_profiles_by_hand():
    """Share of runs above a score; the run that did not finish is at 0."""
    profile = built(made_study(SCORED), FINALS).profiles
    profile = profile[profile["n"] == 1]
    assert profile["score"].tolist() == aggregates.GRID.tolist()
    share = profile.set_index(profile["score"].round(2))["share"]
    assert share[[0, 0.24, 0.26, 0.48, 0.52, 1.2]].tolist() == [
        0.75,
        0.75,
        0.5,
        0.5,
        0.25,
        0.25,
    ]
    assert profile["low"].le(profile["share"]).all()
    assert profile["high"].ge(profile["share"]).all()


ONE, TWO = [-50, 10, NAN, -65], [-60, NAN, 20, NAN]


def test_a_run_that_did_not_finish_loses_in_a_pair_and_is_in_no_mean():
    """Wins of two over one, of 16; Welch's test is that of the finished alone."""
    (row,) = built(made_study(SCORED), [ONE, TWO]).pairs.to_dict("records")
    wins = 2 + 4 + (0.5 + 0.5)  # of -60, of 20, and two that both did not finish
    assert row["improvement"] == pytest.approx(wins / 16)
    assert (row["one_finished"], row["two_finished"]) == (3, 2)
    done = [[v for v in values if not math.isnan(v)] for values in (TWO, ONE)]
    theirs = scipy.stats.ttest_ind(*done, equal_var=False)
    assert row["difference"] == pytest.approx(-20 - -35)
    assert row["p"] == pytest.approx(theirs.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(theirs.confidence_interval())


def test_a_pair_of_cells_without_one_finished_run_is_no_error():
    """They tie, and no difference of means is made up."""
    (row,) = built(made_study(SCORED), [[NAN] * 4] * 2).pairs.to_dict("records")
    assert row["improvement"] == 0.5
    assert math.isnan(row["difference"])
    assert math.isnan(row["p_holm"])


def test_holm_counts_the_pairs_of_one_environment():
    """Three pairs in each of two environments: three, not six, tests."""
    study = made_study(SCORED, {"name": "b"}, sample_counts=[1, 4, 16])
    generator = np.random.default_rng(0)
    finals = generator.normal([[0], [1], [3], [0], [0.5], [9]], size=(6, 4))
    pairs = built(study, finals).pairs
    assert pairs["environment"].tolist() == ["a"] * 3 + ["b"] * 3
    assert (
        list(zip(pairs["one_n"], pairs["two_n"], strict=True))
        == [
            (1, 4),
            (1, 16),
            (4, 16),
        ]
        * 2
    )
    for _, rows in pairs.groupby("environment"):
        small, middle, large = sorted(rows["p"])
        steps = np.maximum.accumulate([3 * small, 2 * middle, large])
        assert sorted(rows["p_holm"]) == pytest.approx(np.minimum(steps, 1))


def test_adequacy_counts_the_finished_runs():
    """Widths for 2, 3, 5, 10 seeds and all; the last is the t interval of the mean."""
    values = np.random.default_rng(1).normal(size=13)
    finals = [[*values[:12], NAN], [*values[:1], *[NAN] * 12]]
    study = made_study(SCORED, seeds=13)
    found = built(study, finals).adequacy
    assert found["n"].tolist() == [1] * 5, "one seed has no width"
    assert found["seeds"].tolist() == [2, 3, 5, 10, 12]
    assert set(found["finished"]) == {12}
    error = values[:12].std(ddof=1) / math.sqrt(12)
    width = 2 * scipy.stats.t.ppf(0.975, 11) * error
    assert found["width"].iloc[-1] == pytest.approx(width)
    assert found["width"].is_monotonic_decreasing


def test_of_several_learning_rates_at_one_n_the_best_stands():
    """The highest mean; but not that of the few runs that happened to finish."""
    rates = {"learning_rate": {1: [0.5, 0.25, 0.125], 4: 0.5}}
    study = made_study(SCORED | {"optimizer": rates})
    finals = [[-50.0] * 4, [-35.0] * 4, [-20.0, *[NAN] * 3], [-65.0] * 4]
    assert [c.learning_rate for c in study.cells] == [0.5, 0.25, 0.125, 0.5]
    made = made_tables(study, finals)
    shown = at_best_learning_rates(study, made)
    assert list(shown.cells) == [study.cells[1], study.cells[3]]
    found = aggregates.build(study, made)
    assert scores_at(found, 1)["estimate"]["mean"] == 0.75
    assert len(found.pairs) == 1
    assert found.pairs["difference"].item() == -30


def test_aggregates_survive_their_trip_through_csv(tmp_path):
    """To the last bit; a label such as "1" or "none" stays text."""
    estimators = [{"name": "1"}, {"name": "none", "gamma": 0.5}]
    study = made_study(SCORED, estimators=estimators)
    found = built(study, [*FINALS, ONE, [NAN] * 4])
    found.write(tmp_path)
    again = Aggregates.read(tmp_path)
    for name, table in vars(found).items():
        pd.testing.assert_frame_equal(
            getattr(again, name),
            table.reset_index(drop=True),
            check_dtype=False,
            check_exact=True,
        )
    assert set(again.pairs["one_estimator"]) == {"1", "none"}


def test_aggregates_without_rows_survive_too(tmp_path):
    """A study of one cell has no pairs, and no scores without a threshold."""
    study = made_study({"name": "c"}, sample_counts=[1])
    found = built(study, [[NAN] * 4])
    found.write(tmp_path)
    for name, table in vars(Aggregates.read(tmp_path)).items():
        assert table.empty
        assert list(table.columns) == list(getattr(found, name).columns)


def history(steps, returns, truncated=0.0):
    shares = np.full(len(steps), truncated)
    columns = [np.array(v, float) for v in (steps, steps, returns, shares)]
    return History(*columns)


def test_a_history_over_updates_and_the_steps_that_they_took():
    """An edge within an update divides it by its share."""
    found = history([2, 4, 6], [1, 2, 3])
    edges = np.array([0, 1.5, 3])
    assert found.by_updates(edges) == pytest.approx([2 / 1.5, 4 / 1.5])
    assert found.steps_at(edges) == pytest.approx([0, 3, 6])
    beyond = found.by_updates(np.array([0, 3, 4]))
    assert beyond[0] == 2
    assert math.isnan(beyond[1])


RUNS = {  # by N and seed: steps after each update, and the returns of these
    (1, 0): ([2, 4, 6, 8], [1, 2, 3, 4]),
    (1, 1): ([4, 8], [5, 7]),
    (4, 0): ([3, 6, 9], [0, 3, 6]),
    (4, 1): None,
}


@pytest.fixture
def hand_made(tmp_path):
    """(study, store): two environments with the runs above, the second twice as long.

    One run diverged.
    """
    study = made_study({"name": "a"}, {"name": "b"}, seeds=2)
    store = Store(tmp_path)
    for cell in study.cells:
        times = 1 if cell.environment == "a" else 2
        for seed in study.seeds:
            write(store.run(cell, seed), RUNS[cell.n, seed], times)
    return study, store


def write(run, what, times):
    steps, returns = what or ([2], [9])
    made_by = {"git": {"commit": "c", "dirty": False}}
    record = run.recorded(
        Provenance(made_by=made_by, started=0.0, seconds=1.0),
        "finished" if what else "diverged",
        reason=None if what else "made up",
        updates=len(steps),
        env_steps=steps[-1] * times,
        episodes=len(steps) * run.cell.n,
        evaluation={"untrained": [-3.0, -1.0], "final": []},
    )
    run.folder.mkdir(parents=True)
    columns = {
        "env_steps": [step * times for step in steps],
        "episodes": [run.cell.n * (i + 1) for i in range(len(steps))],
        "mean_return": np.array(returns, float),
        "truncated_share": np.linspace(0, 1, len(steps)),
    }
    pq.write_table(pa.table(columns), run.folder / UPDATES)
    run.write_record(record)


def updates_at(made, environment, n):
    table = made.updates
    return table[(table["environment"] == environment) & (table["n"] == n)]


def test_equal_updates_by_hand(hand_made):
    """Means of returns and of steps at the same update; the shortest run is the end."""
    study, store = hand_made
    made = tables.build(store, study)
    few, many = (updates_at(made, "a", n) for n in (1, 4))
    assert few["update"].tolist() == many["update"].tolist() == [1, 2]
    assert few["mean"].tolist() == [3, 4.5]
    assert few["env_steps"].tolist() == [3, 6]
    assert few["runs"].tolist() == [2, 2]
    assert many["mean"].tolist() == [0, 3]
    assert many["env_steps"].tolist() == [3, 6]
    assert many["runs"].tolist() == [1, 1], "the one that diverged is in no mean"
    assert updates_at(made, "b", 1)["env_steps"].tolist() == [6, 12]


def test_fewer_bins_than_updates_hold_several_each(hand_made):
    """Without the run of two updates the shortest has three, in two bins."""
    _, store = hand_made
    lasting = made_study({"name": "a"}, {"name": "b"}, seeds=[0])
    few = updates_at(tables.build(store, lasting), "a", 1)
    assert few["update"].tolist() == [1.5, 3]
    assert few["mean"].tolist() == pytest.approx([2 / 1.5, 4 / 1.5])
    assert few["env_steps"].tolist() == pytest.approx([3, 6])


def test_an_area_is_the_mean_height_of_a_runs_curve(hand_made):
    """In two bins of four steps; none for the run that did not finish."""
    study, store = hand_made
    made = tables.build(store, study)
    here = made.runs[made.runs["environment"] == "a"]
    curves = [(1.5, 3.5), (5, 7), (0.75, 4.5), (NAN, NAN)]
    areas = [sum(curve) / 2 for curve in curves]
    assert here["area"].tolist() == pytest.approx(areas, nan_ok=True)
    summary = made.summary[made.summary["environment"] == "a"]
    assert summary["area"].tolist() == pytest.approx([(2.5 + 6) / 2, 2.625])
    bounds = scipy.stats.t.interval(0.95, 1, 4.25, 1.75)
    found = summary["area_low"].iloc[0], summary["area_high"].iloc[0]
    assert found == pytest.approx(bounds)
    assert math.isnan(summary["area_low"].iloc[1])


def test_truncated_episodes_stand_in_the_tables(hand_made):
    """Shares 0, 1/3, 2/3, 1 and 0, 1: of the run, and of its last tenth."""
    study, store = hand_made
    made = tables.build(store, study)
    here = made.runs[made.runs["environment"] == "a"]
    assert here["truncated_share"].tolist() == pytest.approx(
        [0.5, 0.5, 0.5, NAN], nan_ok=True
    )
    assert here["final_truncated_share"].tolist() == pytest.approx(
        [1, 1, 1, NAN], nan_ok=True
    )
    summary = made.summary[made.summary["environment"] == "a"]
    assert summary["truncated_share"].tolist() == [1, 1]


def test_runs_hold_their_own_return_at_equal_updates(hand_made):
    """In the last of two spans of one update each."""
    study, store = hand_made
    made = tables.build(store, study)
    here = made.runs[made.runs["environment"] == "a"]
    found = here["equal_updates_return"].tolist()
    assert found == pytest.approx([2, 7, 3, NAN], nan_ok=True)
    assert updates_at(made, "a", 1)["mean"].iloc[-1] == 4.5


def test_a_run_that_ends_before_the_curves_has_no_area():
    """Nothing is extrapolated."""
    assert math.isnan(comparisons.area(np.array([2.0, 6.0]), np.array([1.0, NAN])))


def test_seeds_hold_a_curve_per_run_in_the_rows_of_runs(hand_made):
    """Of both environments, whose bins differ in width."""
    study, store = hand_made
    made = tables.build(store, study)
    assert len(made.seeds) == len(made.runs) == 8
    for cell in study.cells:
        times = 1 if cell.environment == "a" else 2
        at, curves = seed_curves(made, cell)
        assert at.tolist() == [2 * times, 6 * times]
        expected = {
            1: [[1.5, 3.5], [5, 7]],
            4: [[0.75, 4.5], [NAN, NAN]],
        }[cell.n]
        np.testing.assert_allclose(curves, expected)
    assert made.runs["seed"].tolist() == [0, 1] * 4


def test_all_five_tables_survive_their_trip_through_csv(hand_made, tmp_path):
    """With a run that diverged, and rows of NaN."""
    study, store = hand_made
    made = tables.build(store, study)
    made.write(tmp_path / "csv")
    for name, table in vars(Tables.read(tmp_path / "csv")).items():
        pd.testing.assert_frame_equal(
            getattr(made, name), table, check_dtype=False, check_exact=True
        )
