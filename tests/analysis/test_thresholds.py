"""When a run has reached the threshold, and how long runs took."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from benchmarks import thresholds as simulation
from pgstudy.analysis.report.markdown import summary_table
from pgstudy.analysis.tables import build as tables
from pgstudy.analysis.tables import rows, thresholds
from pgstudy.experiment.store.runs import Store
from tests.analysis.test_aggregates import history, made_study, write

INF = math.inf


def test_the_rule_fires_at_the_end_of_the_update_that_ends_the_window():
    """Means of two updates: 1.5, 2.5, 3.5; never before a batch has ended."""
    run = history([10, 20, 30, 40], [1, 2, 3, 4])
    assert thresholds.reached_at(2.5, run, 2) == 30
    assert thresholds.reached_at(2.4, run, 2) == 30
    assert thresholds.reached_at(0, run, 2) == 20
    assert thresholds.reached_at(4, run, 2) == INF
    assert thresholds.reached_at(4, run, 1) == 40


def test_where_n_differs_the_mean_is_that_of_the_trajectories():
    """Of 1 and 3 trajectories with returns 4 and 2: 2.5, not 3."""
    run = replace(history([10, 20, 30], [4, 2, 2]), n=np.array([1.0, 3, 3]))
    assert thresholds.reached_at(2.5, run, 2) == 20
    assert thresholds.reached_at(2.6, run, 2) == INF


def test_one_noisy_update_is_not_enough():
    run = history([10, 20, 30], [0, 9, 0])
    assert thresholds.reached_at(5, run, 2) == INF
    assert thresholds.reached_at(5, run, 1) == 20


def test_runs_that_did_not_finish_or_are_shorter_than_the_window_never_get_there():
    assert thresholds.reached_at(0, None, 1) == INF
    assert thresholds.reached_at(0, history([10], [1]), 2) == INF


def test_the_window_is_equal_in_trajectories():
    """And holds at least one update of the largest N."""
    assert thresholds.window([1, 4, 64]) == 256
    assert thresholds.window([1, 1000]) == 1000


def test_the_error_of_the_rule_against_the_exact_return():
    """N = 16 on the corridor: by the first bin half of the runs are still below."""
    runs = [simulation.run(16, seed, steps=15_000) for seed in range(40)]
    errors = {}
    for name, rule in {
        "window": lambda h: simulation.by_window(h, 16, thresholds.TRAJECTORIES),
        "bin": simulation.by_bin,
    }.items():
        times = [(rule(h), h, j) for h, j in runs]
        fired = [simulation.below(h, j, t) for t, h, j in times if np.isfinite(t)]
        assert len(fired) > 30
        errors[name] = np.mean(fired)
    print(errors)
    assert errors["window"] < 0.15
    assert errors["bin"] > 0.35


def test_the_restricted_mean_counts_never_as_the_cap():
    found = thresholds.restricted_mean(np.array([10.0, 20, INF, 90]), 50)
    values = np.array([10, 20, 50, 50])
    error = scipy.stats.sem(values)
    bounds = scipy.stats.t.interval(0.95, 3, values.mean(), error)
    assert found == pytest.approx((values.mean(), *bounds))


@pytest.fixture
def made(tmp_path):
    """(study, tables): six seeds, N = 256 and 64, of which two runs never get there."""
    study = made_study({"name": "a", "threshold": 3}, seeds=6, sample_counts=[64, 256])
    store = Store(tmp_path)
    climb = [1, 2, 3, 4, 5, 6, 7, 8]
    for cell in study.cells:
        for seed in study.seeds:
            every = [2 * (i + 1) for i in range(8)]
            if seed < 4:
                returns = [value + 0.1 * seed for value in climb]
                write(store.run(cell, seed), (every, returns), 1)
            else:
                flat = (every, [0.0] * 8) if seed == 4 else None  # or diverged
                write(store.run(cell, seed), flat, 1)
    return study, tables.build(store, study)


def test_times_in_the_tables_by_hand(made):
    """N = 64 needs four updates: means 2.5, 3.5; N = 256 needs one."""
    _, found = made
    times = found.runs["threshold_at"].tolist()
    nan = math.nan
    assert times == pytest.approx(
        [10] * 4 + [nan] * 2 + [6] * 4 + [nan] * 2, nan_ok=True
    )
    few = found.summary.to_dict("records")[0]
    assert (few["reached_threshold"], few["runs"]) == (4, 6)
    assert few["median_threshold_at"] == 10
    assert (few["median_threshold_at_low"], few["median_threshold_at_high"]) == (
        10,
        INF,
    )
    assert few["threshold_cap"] == 16
    cut = np.array([10] * 4 + [16] * 2)
    assert few["mean_threshold_at"] == pytest.approx(cut.mean())
    bounds = scipy.stats.t.interval(0.95, 5, cut.mean(), scipy.stats.sem(cut))
    shown = few["mean_threshold_at_low"], few["mean_threshold_at_high"]
    assert shown == pytest.approx(bounds)


def test_never_survives_csv_and_is_printed_as_a_word(made, tmp_path):
    _, found = made
    found.write(tmp_path / "csv")
    again = tables.Tables.read(tmp_path / "csv")
    assert again.summary["median_threshold_at_high"].tolist() == [INF] * 2
    text = summary_table(again.summary)
    assert "4 of 6 | 10 [10, never] | 12 [" in text


def test_without_a_threshold_there_is_no_way_to_it(made):
    _, found = made
    (cell, _) = made_study({"name": "a"}, sample_counts=[64, 256]).cells
    row = rows.summary_row(cell, "env_steps", found.runs.head(6), 16.0)
    assert np.isnan([row["median_threshold_at"], row["mean_threshold_at"]]).all()
    assert np.isnan(row["threshold_cap"])
