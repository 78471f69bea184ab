"""Real Snakemake calls on a trade-off study: a search in rounds, a law, its report."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from tests.commands import pgstudy
from tests.workflow.project import NOTHING, Project

CONFIG = {
    "study": "law",
    "seeds": 5,
    "seeds_per_job": 5,
    "sample_counts": [2, 8],
    "bins": 4,
    "gradients": {"batches": 20, "env_steps": 4000},
    "tradeoff": {"episodes": 16, "grid": 3},
    "tune": {"seeds": 2},
    "defaults": {"evaluation_episodes": 20},
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "name": "corridor",
            "threshold": -30,
            "max_episode_steps": 60,
            "cap": {"updates": 10, "trajectories": 400},
            "policy": {"initial_probabilities": [0.95, 0.05]},
            "optimizer": {"learning_rate": 0.004},
        }
    ],
    "estimators": [
        {"name": "total-return"},
        {"name": "leave-one-out", "baseline": "leave-one-out"},
        {
            "name": "adaptive",
            "baseline": "leave-one-out",
            "adaptive": {"ratio": 1, "most": 64},
            "sample_counts": [2],
        },
    ],
}


@pytest.fixture(scope="module")
def tradeoff(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("tradeoff") / "law", CONFIG)
    project.succeed()
    return project


def table(project, name):
    return pd.read_csv(project.results / "law" / f"{name}.csv")


def test_one_call_searches_in_rounds_until_each_best_has_its_neighbours(tradeoff):
    place = tradeoff.results / "law-tuning" / "search"
    rounds = [
        json.loads((place / f"{i}.json").read_text())
        for i in range(len(list(place.iterdir())))
    ]
    assert [one["done"] for one in rounds] == [False] * (len(rounds) - 1) + [True]
    assert len(rounds) >= 2
    tried = pd.DataFrame(rounds[-1]["tried"])
    chosen = json.loads((tradeoff.results / "law" / "chosen.json").read_text())
    assert chosen["chosen"] == rounds[-1]["best"]
    grid = 0.004 * np.sqrt(2.0) ** np.arange(-3, 4)
    for best in rounds[-1]["best"]:
        here = tried[
            (tried["estimator"] == best["estimator"]) & (tried["n"] == best["n"])
        ]
        at = int(abs(np.log(grid / best["learning_rate"])).argmin())
        for near in grid[max(0, at - 1) : at + 2]:
            assert (abs(here["learning_rate"] / near - 1) < 1e-3).any()


def test_the_tuning_runs_are_those_that_were_asked_for(tradeoff):
    """Not those of the whole grid: 5 cells x 7 learning rates x 2 seeds would be 70."""
    runs = pd.read_csv(tradeoff.results / "law-tuning" / "tables" / "runs.csv")
    last = max(
        (tradeoff.results / "law-tuning" / "search").iterdir(),
        key=lambda f: int(f.stem),
    )
    assert len(runs) == 2 * len(json.loads(last.read_text())["tried"])
    assert set(runs["status"]) == {"finished"}


def test_the_points_are_the_means_of_the_runs(tradeoff):
    """Where all have arrived; their trajectories are N times that, where N is fixed."""
    runs, points = table(tradeoff, "tables/runs"), table(tradeoff, "law/points")
    assert len(points) == 5
    for row in points.itertuples():
        here = runs[(runs["estimator"] == row.estimator) & (runs["n"] == row.n)]
        arrived = here["updates"] < row.cap
        assert arrived.sum() == row.arrived
        if row.arrived == row.runs:
            assert row.updates == pytest.approx(here["updates"].mean())
        if row.estimator != "adaptive":
            assert row.trajectories == pytest.approx(row.n * row.updates)
        assert row.updates_low <= row.updates <= row.updates_high


def test_where_n_adapts_trajectories_are_those_of_the_runs(tradeoff):
    """N differs between updates, in true numbers; there is a point, and no law."""
    runs, points = table(tradeoff, "tables/runs"), table(tradeoff, "law/points")
    here = runs[runs["estimator"] == "adaptive"]
    assert len(here) == 5
    assert (here["episodes"] > 2 * here["updates"]).any()
    (row,) = points[points["estimator"] == "adaptive"].itertuples()
    assert row.trajectories == pytest.approx(here["episodes"].mean())
    assert row.updates == pytest.approx(here["updates"].mean())
    assert np.isnan(row.law_updates)
    files = (tradeoff.results / "runs").glob("corridor/adaptive/N2/*/updates.parquet")
    for updates in map(pd.read_parquet, files):
        assert (updates["trajectories"].cumsum() == updates["episodes"]).all()
        assert not (updates["trajectories"] % 2).any()


def test_each_law_goes_through_its_two_points(tradeoff):
    """Two numbers through two points: S(N) = S_min + E_min / N."""
    points, laws = table(tradeoff, "law/points"), table(tradeoff, "law/laws")
    assert len(laws) == 2
    for law in laws.itertuples():
        here = points[points["estimator"] == law.estimator].set_index("n")
        slope = (here.loc[2, "updates"] - here.loc[8, "updates"]) / (1 / 2 - 1 / 8)
        rest = here.loc[8, "updates"] - slope / 8
        if slope > 0 and rest > 0:
            assert (law.e_min, law.s_min) == pytest.approx((slope, rest), rel=1e-4)
        assert law.predicted_n == pytest.approx(
            (law.noise_start * law.noise_end) ** 0.5
        )


def test_the_report_answers_first(tradeoff):
    """The answer and its picture stand before any counter, and there is no picture of
    curves, which would compare runs that end at different times.
    """
    page = (tradeoff.results / "law" / "report.html").read_text()
    answer, law = page.index('class="answer"'), page.index('id="law"')
    assert answer < page.index('class="state"') < law
    assert "On corridor, to a return of -30 with" in page[answer:law]
    figures = {f.stem for f in (tradeoff.results / "law" / "figures").glob("*.png")}
    wanted = {
        "tradeoff-corridor",
        "tuning-corridor",
        "gradients-corridor",
        "critical_n",
    }
    assert figures == wanted
    assert "learning_curves" not in page


def test_claims_are_about_the_law(tradeoff):
    claims = table(tradeoff, "claims")["claim"]
    assert claims.str.contains("follow S(N) = S_min", regex=False).sum() == 2
    assert claims.str.contains("leave-one-out needs more trajectories").any()
    assert not claims.str.contains("At equal").any()


def test_a_second_call_has_nothing_to_do(tradeoff):
    files = tradeoff.times()
    assert NOTHING in tradeoff.succeed()
    assert tradeoff.times() == files


def test_a_lost_tuning_run_is_trained_again_alone_and_nothing_changes(tradeoff):
    """The same bits give the same rounds, the same choice and the same law."""
    before = (tradeoff.results / "law" / "law" / "laws.csv").read_bytes()
    runs = pd.read_csv(tradeoff.results / "law-tuning" / "tables" / "runs.csv")
    (lost,) = (tradeoff.results / "runs").rglob(f"*-{runs['key'][0]}")
    digest = json.loads((lost / "run.json").read_text())["digest"]
    trained = {
        f: f.stat().st_mtime_ns for f in (tradeoff.results / "runs").rglob("run.json")
    }
    shutil.rmtree(lost)
    tradeoff.succeed()
    again = {
        f: f.stat().st_mtime_ns for f in (tradeoff.results / "runs").rglob("run.json")
    }
    assert {f for f in again if again[f] != trained[f]} == {lost / "run.json"}
    assert json.loads((lost / "run.json").read_text())["digest"] == digest
    assert (tradeoff.results / "law" / "law" / "laws.csv").read_bytes() == before
    assert NOTHING in tradeoff.succeed()


def test_advice_names_an_n_its_price_and_that_of_the_pilot(tradeoff):
    """And a study of another kind has none."""
    study = str(tradeoff.results / "law" / "study.json")
    code, text = pgstudy("advise", study, cwd=tradeoff.folder)
    assert code == 0, text
    runs = table(tradeoff, "tables/runs")
    tuning = pd.read_csv(tradeoff.results / "law-tuning" / "tables" / "runs.csv")
    cost = int(runs["episodes"].sum() + tuning["episodes"].sum())
    end = f"The pilot: {cost:,} trajectories, {len(runs) + len(tuning)} runs."
    assert text.strip().endswith(end)
    assert text.startswith("corridor, to a return of -30: use ")
