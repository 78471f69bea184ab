"""The page of a run's updates shows the run's own numbers."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

from pgstudy.analysis.lesson.capture import CantBeShown, capture
from pgstudy.experiment.provenance.identity import NOT_KNOWN
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Block, Cell
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
)
from tests.commands import pgstudy
from tests.learning.helpers import corridor, specification

SPECIFICATION = specification(
    environment=corridor(30),
    n=3,
    estimator=EstimatorSpecification(baseline="leave-one-out"),
    policy=PolicySpecification(),
    optimizer=OptimizerSpecification("sgd", 0.01, "constant"),
    budget=Budget("updates", 12),
    evaluation_episodes=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A complete run's folder."""
    store = Store(tmp_path_factory.mktemp("lesson"))
    cell = Cell("corridor", "loo", SPECIFICATION, None, NOT_KNOWN)
    train_block(store, Block(cell, (5,)))
    return store.run(cell, 5).folder


@pytest.fixture(scope="module")
def updates():
    return capture(SPECIFICATION, 5, [1, 7, 12])


def test_its_numbers_are_those_of_the_run(run, updates):
    """Returns of the updates' rows, and the last parameters are the saved policy."""
    rows = pq.read_table(run / "updates.parquet").to_pandas().set_index("update")
    assert [one.number for one in updates] == [1, 7, 12]
    for one in updates:
        returns = [sum(played.rewards) for played in one.played]
        assert np.mean(returns) == rows.loc[one.number, "mean_return"]
        norm = rows.loc[one.number, "gradient_norm"]
        assert np.linalg.norm(one.estimate) == pytest.approx(norm, rel=1e-5)
    saved = safetensors.numpy.load_file(run / "policy.safetensors")
    assert (updates[-1].after.theta == saved["layer0.weight"].ravel()).all()


def alive(right, most):
    """The chance that an episode of the corridor takes each step, up to a cap."""
    states = np.array([1.0, 0.0, 0.0])
    for _ in range(most):
        yield states.sum()
        first, second, third = states
        left = 1 - right
        states = np.array(
            [left * first + right * second, right * first + left * third, left * second]
        )


def test_the_parts_make_the_step(updates):
    """By the formula, from what is shown: scores, weights, estimate, theta."""
    for one in updates:
        chances = one.before.chances[0]
        assert one.scores[0] == pytest.approx(np.eye(2) - chances, abs=1e-6)
        returns = np.array([sum(played.rewards) for played in one.played])
        for i, played in enumerate(one.played):
            assert set(played.weights) == {returns[i] - np.delete(returns, i).mean()}
            score = sum(np.eye(2)[action] - chances for action in played.actions)
            assert played.score == pytest.approx(score, abs=1e-5)
            assert played.term == pytest.approx(played.weights[0] * score, abs=1e-4)
        mean = np.mean([played.term for played in one.played], axis=0)
        step = one.after.theta - one.before.theta
        assert step == pytest.approx(0.01 * mean, abs=1e-6)
        cut = sum(alive(one.before.chances[0, 1], 30))  # steps of each -1
        assert one.before.expected == pytest.approx(-cut)


def test_the_command_writes_the_page(run, tmp_path):
    """Its own numbers, for the updates that were asked for."""
    code, said = pgstudy("watch", run, "--update", 2, "--update", 9, cwd=tmp_path)
    assert code == 0, said
    text = (tmp_path / "watch.html").read_text()
    assert "update 2</button>" in text
    assert "update 9</button>" in text
    assert "update 1</button>" not in text
    assert "N = 3 trajectories" in text
    code, said = pgstudy("watch", run, "--update", 13, cwd=tmp_path)
    assert (code, "has 12 updates, and none 13" in said) == (1, True)
    code, said = pgstudy("watch", tmp_path, cwd=tmp_path)
    assert (code, "is no complete run's folder" in said) == (1, True)


def test_a_run_of_other_code_is_not_shown(run, tmp_path):
    """Its numbers can't be made again: the page would show another one's."""
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    rows = pq.read_table(copy / "updates.parquet").to_pandas()
    rows["gradient_norm"] *= 1.01
    rows.to_parquet(copy / "updates.parquet", index=False)
    code, said = pgstudy("watch", copy, cwd=tmp_path)
    assert (code, "update 1 is not what it was" in said) == (1, True)
    assert not (tmp_path / "watch.html").exists()
    code, said = pgstudy("watch", run, "--output", tmp_path / "no/page", cwd=tmp_path)
    assert (code, "can't write" in said) in ((1, True), (0, False))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"environment": EnvironmentSpecification("CartPole-v1", {}, 9)},
            "discrete states",
        ),
        ({"policy": PolicySpecification(hidden=(1,))}, "without hidden layers"),
        (
            {"environment": EnvironmentSpecification("FrozenLake-v1", {}, 9)},
            "at most 12 parameters, and its policy has 64",
        ),
        ({"n": 17}, "at most 16 trajectories, and its N is 17"),
        ({"estimator": EstimatorSpecification(entropy=0.1)}, "no entropy bonus"),
    ],
)
def test_what_no_page_can_show_is_refused(changes, words):
    given = {"environment": corridor(30), "policy": PolicySpecification()} | changes
    with pytest.raises(CantBeShown, match=words):
        capture(specification(**given), 0, [1])
