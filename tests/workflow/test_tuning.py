"""Real Snakemake calls on a study that chooses its learning rates."""

import json

import pandas as pd
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.study.study_file import read_study
from pgstudy.experiment.study.tuning import Choice, tuning_study
from tests.workflow.project import NOTHING, TUNED, tuned_study


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The study and its tuning, in a copy of this module's own."""
    return tuned_study(tmp_path_factory).copy(tmp_path_factory.mktemp("t") / "tuned")


def chosen(project):
    file = project.results / "tuned" / "chosen.json"
    rows = [Choice(**row) for row in json.loads(file.read_text())["chosen"]]
    assert {row.environment for row in rows} == {"corridor"}
    assert {row.estimator for row in rows} == {"total-return"}
    return {row.n: row.learning_rate for row in rows}


def test_one_call_chooses_and_reports(tuned):
    """Report, choice, and the tables of the tuning study; of that no report."""
    made, tuning = tuned.results / "tuned", tuned.results / "tuned-tuning"
    assert (made / "report.html").stat().st_size > 10_000
    assert (made / "figures" / "tuning-corridor.svg").exists()
    runs = pd.read_csv(tuning / "tables" / "runs.csv")
    assert set(runs["seed"]) == {10_000, 10_001}
    assert len(runs) == 2 * 2 * 2
    assert (tuning / "tracked.json").exists()
    assert not (tuning / "report.html").exists()


def test_each_chosen_learning_rate_is_the_one_with_the_highest_area(tuned):
    """Recomputed from the runs of the tuning study."""
    runs = pd.read_csv(tuned.results / "tuned-tuning" / "tables" / "runs.csv")
    assert set(runs["status"]) == {"finished"}
    means = runs.groupby(["n", "learning_rate"])["area"].mean()
    best = {n: means[n].idxmax() for n in (1, 4)}
    assert chosen(tuned) == best


def test_the_tables_hold_the_chosen_learning_rates_on_the_studys_own_seeds(tuned):
    """No run of the others has been made, and none of the tuning seeds is there."""
    runs = pd.read_csv(tuned.results / "tuned" / "tables" / "runs.csv")
    assert set(runs["status"]) == {"finished"}
    rows = runs[["n", "learning_rate", "seed"]].itertuples(index=False, name=None)
    wanted = [(n, rate, s) for n, rate in chosen(tuned).items() for s in (0, 1)]
    assert sorted(rows) == sorted(wanted)
    assert len(tuned.run_folders()) == 8 + 4


def test_the_study_file_is_that_of_the_chosen_learning_rates(tuned):
    """What commands after training read has one cell for each N."""
    study = read_study(tuned.results / "tuned" / "study.json")
    assert {c.n: c.learning_rate for c in study.cells} == chosen(tuned)
    tuning = read_study(tuned.results / "tuned-tuning" / "study.json")
    expected = tuning_study(load_study(TUNED))
    assert tuning.cells == expected.cells
    assert tuning.seeds == expected.seeds


def test_a_second_call_has_nothing_to_do(tuned):
    """The choice is read from its file, and not a file is written."""
    files = tuned.times()
    assert NOTHING in tuned.succeed()
    assert tuned.times() == files


def test_a_seed_added_needs_no_new_choice(tuned):
    """By `snakemake -n`: the chosen step sizes alone are trained, nothing is tuned."""
    tuned.write(TUNED | {"seeds": 3})
    jobs = tuned.jobs()
    tuned.write(TUNED)
    assert jobs["train"] == 2, "a block for each N, at its chosen step size"
    assert "choose" not in jobs
