"""What the reports of a real small study say of what is not known."""

import json

import pytest

from pgstudy.analysis import steps
from pgstudy.analysis.choose import chosen
from pgstudy.analysis.claims.verdicts import AT_EDGE, FAMILY
from pgstudy.analysis.outputs import read_claims, read_tuning
from pgstudy.analysis.report.captions import captions
from pgstudy.analysis.tables import tuning
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.tuning import Choice, restricted, tuning_study
from pgstudy.experiment.training.block import train_block

GRID = [0.001, 0.002]  # whatever is chosen lies at an edge
FOR_THE_REPORT = (
    *("tables", "measure", "gradients", "comparison", "claims", "proofs"),
    *("figures", "report"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """results/edge: learning rates chosen of two, one environment without a threshold.

    The third's threshold is far below what the untrained policy gets.
    """
    rates = {"learning_rate": {1: GRID, 4: GRID}}
    entry = {
        "id": "ShortCorridor-v0",
        "max_episode_steps": 30,
        "env_steps": 600,
        "evaluation_episodes": 4,
        "optimizer": rates,
    }
    config = {
        "study": "edge",
        "seeds": 5,
        "sample_counts": [1, 4],
        "tune": {"seeds": 5},
        "bins": 5,
        "estimators": [{"name": "plain"}],
        "environments": [
            entry | {"name": "scored", "threshold": -5},
            entry | {"name": "open", "max_episode_steps": 29},
            entry | {"name": "easy", "threshold": -1000, "max_episode_steps": 28},
        ],
    }
    store = Store(tmp_path_factory.mktemp("results"))
    study = load_study(json.loads(json.dumps(config)))
    first = tuning_study(study)
    for block in first.blocks():
        train_block(store, block)
    tuning_folder = StudyFolder(store, first, store.results / first.name)
    steps.make("tables", tuning_folder)
    rows = chosen(tuning_folder)["chosen"]
    study = restricted(study, [Choice(**row) for row in rows])
    for block in study.blocks():
        train_block(store, block)
    folder = StudyFolder(store, study, store.results / "edge")
    for step in FOR_THE_REPORT:
        steps.make(step, folder)
    assert len(tuning.at_edge(study, read_tuning(folder))) == 6
    return folder


@pytest.fixture(scope="module", params=["report.html", "report.md"])
def text(folder, request):
    return (folder.path / request.param).read_text("utf-8").replace("&#39;", "'")


def test_a_learning_rate_at_the_edge_is_a_warning_and_bars_verdicts(folder, text):
    assert "A learning rate lies at the edge of its grid" in text
    assert "scored, plain, N = 4 (" in text
    claims = read_claims(folder)
    assert len(claims) == 3 * 4
    assert set(claims["verdict"]) == {AT_EDGE}
    assert claims["note"].str.contains("of its grid").all()
    assert AT_EDGE in text
    assert claims["note"][0] in text


def test_the_family_of_the_correction_is_said(text):
    assert FAMILY in text
    assert "p, Holm" in text


def test_environments_without_scores_are_named(text):
    assert "open (it has no threshold)" in text
    assert "easy (its threshold, -1,000.0, is not above the untrained return" in text
    assert "scored (it" not in text


def test_intervals_say_what_they_cover(text):
    for words in ("Student's t", "inverted exact rank test", "83 to 87 %"):
        assert words in text
    assert "bootstrap interval" not in text


def test_truncated_episodes_and_times_to_the_threshold_are_shown(text):
    assert "truncated" in text
    assert "restricted mean" in text
    assert "last 256 trajectories" in text

    assert "Notes on runs" not in text


COARSE = """
import gymnasium
import numpy as np

from pgstudy.learning.environments.corridor import ShortCorridor


class Coarse(ShortCorridor):
    def __init__(self):
        super().__init__()
        self.observation_space = gymnasium.spaces.Box(0, 1e12, (1,), np.float64)

    def reset(self, **options):
        super().reset(**options)
        return np.array([1e9 + self.state]), {}

    def step(self, action):
        _, reward, *rest = super().step(action)
        return np.array([1e9 + self.state]), reward + np.random.random(), *rest


gymnasium.register("toy/Coarse-v0", Coarse, max_episode_steps=30)
"""


def test_warnings_and_global_generators_of_runs_are_shown(tmp_path, monkeypatch):
    """Of two real runs, in both reports; what is well is not spoken of (see above)."""
    config = {
        "study": "coarse",
        "register": "coarse_module",
        "seeds": 2,
        "sample_counts": [4],
        "bins": 2,
        "estimators": [{"name": "plain"}],
        "environments": [
            {
                "id": "toy/Coarse-v0",
                "updates": 2,
                "evaluation_episodes": 1,
                "optimizer": {"learning_rate": 1e-3},
            }
        ],
    }
    (tmp_path / "coarse_module.py").write_text(COARSE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    store, study = Store(tmp_path), load_study(config)
    for block in study.blocks():
        train_block(store, block)
    for step in FOR_THE_REPORT:
        steps.make(step, StudyFolder(store, study, tmp_path / "coarse"))
    for name in ("report.html", "report.md"):
        text = (tmp_path / "coarse" / name).read_text("utf-8")
        assert "Notes on runs" in text
        assert "toy/Coarse-v0: 2 runs with warnings, such as: observation 0" in text
        assert "toy/Coarse-v0: 2 runs drew from the process" in text
        assert "(numpy.random)" in text


def test_a_figure_says_which_estimators_were_measured_elsewhere(smoke):
    """The running mean is measured at its own run's policies."""
    running = {"name": "running-mean", "baseline": "running-mean"}
    alone = {caption.text for caption in captions(load_study(smoke))}
    smoke["estimators"].append(running)
    both = {caption.text for caption in captions(load_study(smoke))}
    said = "running-mean at the policies of a run of its own"
    assert sum(said in text for text in both) == len(smoke["environments"])
    assert not any(said in text for text in alone)
