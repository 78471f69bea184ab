"""A user's own environments, some of them broken, through real Snakemake calls."""

import pandas as pd
import pytest

from tests.workflow.project import Project, summary

MODULE = '''
import gymnasium
import numpy as np
from gymnasium import spaces


class Own(gymnasium.Env):
    """Pays 1 for action 1, ends after `length` steps; `fault` strikes by chance."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, fault=None, length=3):
        self.fault, self.length = fault, length

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.bad = self.np_random.random() < 0.2
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        reward, observation = 1.0 + action, np.zeros(2, np.float32)
        if self.bad and self.fault == "raise":
            raise RuntimeError("the wheel came off")
        if self.fault == "observation" and self.steps > 1:  # `check` takes one step
            observation[0] = np.nan
        if self.fault == "reward" and self.steps > 1:
            reward = float("-inf")
        return observation, reward, self.steps == self.length, False, {}


gymnasium.register("toy/Own-v0", Own, max_episode_steps=10)
'''


def entry(name, **kwargs):
    return {"id": "toy/Own-v0", "name": name, "kwargs": kwargs}


STUDY = {
    "study": "own",
    "register": "own_envs",
    "seeds": 6,
    "seeds_per_job": 6,
    "sample_counts": [2],
    "bins": 5,
    "defaults": {
        "updates": 30,
        "evaluation_episodes": 2,
        "optimizer": {"learning_rate": 0.5},
    },
    "environments": [
        entry("toy/Own-v0"),
        entry("one step", length=1),
        entry("raises", fault="raise"),
        entry("NaN", fault="observation"),
        entry("inf", fault="reward"),
        entry("too fast") | {"optimizer": {"learning_rate": 1e38}},
    ],
    "estimators": [{"name": "total-return"}],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory, migrated):
    """One call, which fails for the runs that do."""
    made = Project(tmp_path_factory.mktemp("own"), STUDY)
    made.give_store(migrated)
    (made.folder / "own_envs.py").write_text(MODULE)
    made.outcome = made.snakemake(alone=True)
    made.found = made.records()
    return made


def of(project, environment):
    return [r for r in project.found if r["environment"] == environment]


def test_every_run_ends_with_a_status_and_a_reason(project):
    """Unsuitable numbers and exceptions alike, each by name; no run is lost."""
    assert project.outcome.returncode != 0
    reasons = {
        "NaN": "the environment gave a non-finite observation",
        "inf": "the environment gave a non-finite reward",
    }
    for name, reason in reasons.items():
        found = [(r["status"], r["reason"]) for r in of(project, name)]
        assert found == [("failed", reason)] * 6
        assert (
            f"failed: {name} total-return N=2 learning_rate=0.5 seed=0: {reason}"
            in project.log()
        )
    diverged = of(project, "too fast")
    assert {r["status"] for r in diverged} == {"diverged"}
    assert all(r["reason"] for r in diverged)


def test_the_other_runs_of_a_block_go_on(project):
    """The environment raises for some seeds only; all six were in one job."""
    found = {r["seed"]: r for r in of(project, "raises")}
    states = [found[seed]["status"] for seed in range(6)]
    assert 0 < states.count("failed") < 6
    assert states.count("finished") == 6 - states.count("failed")
    failed = next(r for r in found.values() if r["status"] == "failed")
    assert failed["reason"] == (
        "the environment raised RuntimeError: the wheel came off"
    )
    assert "own_envs.py" in failed["traceback"]


def test_an_id_with_a_slash_runs_and_keeps_its_name(project):
    """One folder per environment (case 17), one-step episodes included."""
    assert (project.results / "runs" / "toy%2FOwn-v0").is_dir()
    for name in ("toy/Own-v0", "one step"):
        assert [r["status"] for r in of(project, name)] == ["finished"] * 6


def test_a_partial_report_has_what_there_is_and_says_so(project):
    """A banner, the failures by name, n of n; documented as `partial_report`."""
    text = project.succeed("partial_report")
    assert "partial report: results/own/partial/report.html" in text
    page = (project.results / "own" / "partial" / "report.html").read_text()
    assert "This report is partial." in page
    assert (
        "NaN, total-return, N = 2, learning rate 0.5, seed 3: failed, the env" in page
    )
    assert "6 of 6" in page
    assert "0 of 6" in page
    assert not (project.results / "own" / "report.html").exists()


def test_a_fault_mended_in_the_module_trains_only_what_it_touches(project):
    """The module is part of each run's identity, so its edit reaches them all."""
    module = project.folder / "own_envs.py"
    module.write_text(MODULE.replace('"raise":', '"nothing":'))
    jobs = project.jobs()
    assert jobs["train"] == 6
    project.write(STUDY | {"environments": STUDY["environments"][:3]})
    project.succeed(summary("own"))
    runs = pd.read_csv(project.results / "own" / "tables" / "runs.csv")
    assert runs["status"].tolist() == ["finished"] * 18
