"""Published values: the real runs pass, and known mistakes fall outside."""

import multiprocessing
import shutil
import statistics
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import yaml

from pgstudy.analysis.claims import acceptance
from pgstudy.analysis.claims.acceptance import compare
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.published import Check, Published
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.estimators import gradients
from pgstudy.learning.estimators.weights import shares
from pgstudy.learning.optimizers import GradientAscent
from tests.conftest import ROOT

CONFIG = yaml.safe_load((ROOT / "config/sutton_barto.yaml").read_text())
FIGURE = yaml.safe_load((ROOT / "config/published/figure_13_1.yaml").read_text())
PREFIX = "to-go.12."
CELL = CONFIG["estimators"][0] | {"optimizer": {"learning_rate": "2^-12"}}


def nothing():
    """The code as it is."""


def terminal_reward_0():
    """The published code that many copy pays 0 on the last step."""
    right = ShortCorridor.step

    def step(self, action):
        observation, reward, terminated, *rest = right(self, action)
        return observation, 0.0 if terminated else reward, terminated, *rest

    ShortCorridor.step = step


def step_size_2e_4():
    """And uses 2e-4 where the book has 2^-12."""
    right = GradientAscent.step
    GradientAscent.step = lambda self, gradient, alpha: right(self, gradient, 2e-4)


def loss_averaged_over_steps():
    """The divisor is the number of steps, not of trajectories."""
    gradients.shares = lambda weights, n: shares(weights, len(weights))


def train_with(mistake, results, study, block):
    mistake()
    assert train_block(Store(results), block) == []


def published_checks(folder, ids):
    """A file with these checks of Figure 13.1's first cell."""
    figure = {k: v for k, v in FIGURE.items() if k != "figure"}
    wanted = {PREFIX + name for name in ids}
    figure["checks"] = [c for c in FIGURE["checks"] if c["id"] in wanted]
    (folder / "figure.yaml").write_text(yaml.safe_dump(figure))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Figure 13.1's first cell with its four checks, 100 seeds as published."""
    published_checks(tmp_path, ("early", "late", "p-right", "stuck"))
    changes = {"published": ["figure.yaml"], "estimators": [CELL]}
    monkeypatch.chdir(tmp_path)  # published values are read from below it only
    return load_study(CONFIG | changes | {"seeds_per_job": 50})


def verdicts(study, results, mistake):
    """Each check's verdict after training with a mistake, in fresh processes."""
    context = multiprocessing.get_context("fork")
    work = partial(train_with, mistake, results, study)
    processes = [context.Process(target=work, args=(b,)) for b in study.blocks()]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    table = compare(Store(results), study)
    return dict(
        zip(table["id"].str.removeprefix(PREFIX), table["verdict"], strict=True)
    )


def test_the_code_as_it_is_meets_the_published_values(study, tmp_path):
    """100 seeds and 1,000 episodes at 2^-12: all four checks."""
    found = verdicts(study, tmp_path, nothing)
    assert found == dict.fromkeys(("early", "late", "p-right", "stuck"), "pass")


@pytest.mark.parametrize(
    ("mistake", "seeds", "episodes", "caught_by"),
    [
        (terminal_reward_0, 30, 1000, {"late", "early"}),
        (step_size_2e_4, 100, 100, {"early"}),
        (loss_averaged_over_steps, 30, 100, {"early"}),
    ],
)
def test_a_known_mistake_falls_outside(
    study, tmp_path, mistake, seeds, episodes, caught_by
):
    """Each by at least one of these checks; with fewer seeds tolerances are wider.

    What the first 100 episodes catch is trained no further.
    """
    changes = {"seeds": seeds, "seeds_per_job": seeds // 2}
    if episodes == 100:
        published_checks(tmp_path, ["early"])
        environment = CONFIG["environments"][0] | {"episodes": episodes}
        changes |= {"environments": [environment], "bins": episodes}
    found = verdicts(load_study(study.config | changes), tmp_path, mistake)
    failed = {name for name, verdict in found.items() if verdict == "fail"}
    assert failed & caught_by, found


def published(**changes):
    parts = {
        "name": "",
        "source": "",
        "item": "Figure 1",
        "page": 1,
        "note": "",
        "runs": 100,
        "exact": None,
        "figure": None,
        "checks": (),
    }
    return Published(**parts | changes)


def check(**changes):
    return Check("a", "reference", "mean_return", (1, 2), "", **changes)


@pytest.mark.parametrize(
    ("finished", "expected"), [(100, 2.0), (400, 2.0), (25, 4.0), (0, 2.0), (None, 2.0)]
)
def test_four_standard_errors_widen_with_fewer_runs(finished, expected):
    """Never tighter than stated: the reference has an error of its own."""
    found = acceptance.tolerance(check(standard_error=0.5), published(), finished)
    assert found == pytest.approx(expected)


def test_a_stated_tolerance_is_taken_as_it_stands():
    """However many runs there are."""
    assert acceptance.tolerance(check(tolerance=0.3), published(), 5) == 0.3


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """The results folder of four real runs, which nobody changes."""
    results = tmp_path_factory.mktemp("four")
    study = load_study(CONFIG | {"published": [], "estimators": [CELL], "seeds": 4})
    for block in study.blocks():
        assert train_block(Store(results), block) == []
    return results


@pytest.fixture
def small(study, four, tmp_path):
    """A copy of four real runs, and tolerances that they pass."""
    file = tmp_path / "figure.yaml"
    table = yaml.safe_load(file.read_text())
    for row in table["checks"]:
        row.pop("standard_error", None)
        row["tolerance"] = 1000
    file.write_text(yaml.safe_dump(table))
    shutil.copytree(four, tmp_path, dirs_exist_ok=True)
    few = load_study(study.config | {"seeds": 4})
    assert all(run.record() for run in Store(tmp_path).every_run(few))
    return few, Store(tmp_path)


def test_stuck_runs_are_counted_and_not_averaged(small):
    """Their share stands beside the mean of the others."""
    few, store = small
    before = compare(store, few).set_index("id").loc[PREFIX + "early"]
    run = store.run(few.cells[0], 0)
    rewrite(run, status="stuck")
    after = compare(store, few).set_index("id")
    early, stuck = after.loc[PREFIX + "early"], after.loc[PREFIX + "stuck"]
    assert (early.runs, early.finished, early.stuck) == (4, 3, 1)
    assert early.ours != before.ours
    assert stuck.ours == 0.25
    assert set(after.verdict) == {"pass"}


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_run_that_did_not_end_well_fails_its_checks(small, status):
    """A mean over the runs that happened to work is no reproduction."""
    few, store = small
    assert set(compare(store, few).verdict) == {"pass"}
    rewrite(store.run(few.cells[0], 0), status=status)
    table = compare(store, few)
    assert set(table.verdict) == {"fail"}
    assert "1 of 4 runs diverged, failed or are missing" in table.reason[0]
    assert "1 of 4 runs diverged" in acceptance.failures(table)[0]


def test_a_run_that_lost_a_file_is_missing(small):
    """Its record alone is not enough."""
    few, store = small
    (store.run(few.cells[0], 0).folder / "episodes.parquet").unlink()
    table = compare(store, few)
    assert set(table.finished) == {3}
    assert set(table.verdict) == {"fail"}


def test_no_run_at_all_fails(small, tmp_path):
    """Nothing is averaged, and nothing passes."""
    few, _ = small
    table = compare(Store(tmp_path / "elsewhere"), few)
    assert set(table.verdict) == {"fail"}
    assert table.ours.iloc[:3].isna().all()


def test_the_mean_is_that_of_the_episodes_by_hand(small):
    """Episodes 1 to 100 of each run, then over runs, with their t interval."""
    few, store = small
    tables = [
        pd.read_parquet(store.run(few.cells[0], seed).folder / "episodes.parquet")
        for seed in few.seeds
    ]
    means = [t["return"].to_numpy()[:100].mean() for t in tables]
    row = compare(store, few).set_index("id").loc[PREFIX + "early"]
    assert row.ours == pytest.approx(sum(means) / 4)
    half = 3.182446305 * statistics.stdev(means) / 2  # t of 3 degrees of freedom
    assert row.low == pytest.approx(row.ours - half)
    assert row.high == pytest.approx(row.ours + half)


def rewrite(run, **changes):
    run.write_record(replace(run.record(), **changes))
