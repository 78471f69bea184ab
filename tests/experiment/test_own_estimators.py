"""A config that names an estimator of a user's own: its faults, and its keys."""

import re

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance import user_code
from pgstudy.experiment.system.errors import ConfigError
from tests.learning.own_code import PLACE

ESTIMATOR = {"name": "mine", "weights": f"{PLACE}:median"}


def with_estimator(smoke, **options):
    return smoke | {"estimators": [ESTIMATOR | options]}


def faults(config):
    with pytest.raises(ConfigError) as caught:
        load_study(config)
    return "\n".join(caught.value.faults)


def test_a_study_has_it_with_its_arguments(smoke):
    """Arguments are handed on as they were written."""
    options = {"weights": f"{PLACE}:to_go", "kwargs": {"scale": 2.0}, "gamma": 0.9}
    cell = load_study(with_estimator(smoke, **options)).cells[0]
    how = cell.specification.estimator
    assert (how.weights, how.kwargs, how.gamma) == (
        f"{PLACE}:to_go",
        {"scale": 2.0},
        0.9,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"baseline": "leave-one-out"}, "'baseline' can't be used with 'weights'"),
        ({"normalise": True}, "'normalise' can't be used with 'weights'"),
        ({"weights": "median"}, "is not a module and a name in it, such as mylab:med"),
        ({"weights": "no_such_lab:f"}, "no_such_lab can't be imported"),
        ({"weights": f"{PLACE}:none"}, "has no 'none'"),
        ({"weights": f"{PLACE}:raises"}, "it raises IndexError"),
        ({"weights": f"{PLACE}:leaves"}, "it raises SystemExit: 3"),
        (
            {"weights": f"{PLACE}:own_in_mean", "credit": "total"},
            "more of its own trajectory",
        ),
        (
            {"kwargs": {"scale": 1}},
            "median.. got an unexpected keyword argument 'scale'",
        ),
    ],
)
def test_a_fault_names_the_estimator_and_the_cause(smoke, options, words):
    assert re.search(words, faults(with_estimator(smoke, **options)))


def test_arguments_without_a_function_are_a_fault(smoke):
    estimators = [{"name": "plain", "kwargs": {"scale": 1}}]
    assert "'kwargs' belongs to 'weights'" in faults(smoke | {"estimators": estimators})


def test_groups_of_one_are_no_groups(smoke):
    """The function would be called with all N, of as many starts."""
    how = ESTIMATOR | {"starts": 4}
    for entry in smoke["environments"]:
        entry["optimizer"] = {"learning_rate": 0.001}
    study = load_study(smoke | {"sample_counts": [4, 8], "estimators": [how]})
    assert {cell.n for cell in study.cells} == {8}
    (left,) = {one.reason for one in study.left_out}
    assert "one trajectory per start" in left


def test_a_promise_changes_no_number(smoke):
    """`credit` beside `weights` only says what is checked."""
    plain, promised = (
        load_study(with_estimator(smoke, **options)).cells[-1]
        for options in ({}, {"credit": "total"})
    )
    assert plain.key(0) == promised.key(0)


def test_files_that_it_reads_when_called_are_in_the_key(smoke, tmp_path, monkeypatch):
    """As those that are read at import, and modules that are imported late."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reading_lab.py").write_text(
        "def f(rewards, mask, gamma):\n"
        "    import reading_help\n"
        "    return float(open('scale.txt').read()) * rewards\n"
    )
    (tmp_path / "reading_help.py").write_text("")
    (tmp_path / "scale.txt").write_text("2")
    mine = {"name": "mine", "weights": "reading_lab:f"}
    cell = load_study(smoke | {"estimators": [mine]}).cells[0]
    names = {"reading_lab.py", "reading_help.py", "scale.txt"}
    assert cell.identity.files.keys() == names


NETWORK = """
import torch


class Scaled(torch.nn.Module):
    def __init__(self, observation_space, action_space, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(4, outputs)

    def forward(self, observations):
        return self.linear(observations * float(open("factor.txt").read()))
"""


def test_files_that_a_network_reads_when_called_are_in_the_key(
    smoke, tmp_path, monkeypatch
):
    """It is called in the process that tells what a user's code is made of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scaled_lab.py").write_text(NETWORK)
    (tmp_path / "factor.txt").write_text("2")
    policy = {"network": "scaled_lab:Scaled"}
    entry = {"id": "CartPole-v1", "env_steps": 100, "policy": policy}
    entry["optimizer"] = {"learning_rate": 0.1}
    cell = load_study(smoke | {"environments": [entry]}).cells[0]
    assert cell.identity.files.keys() == {"scaled_lab.py", "factor.txt"}


def test_a_registered_threshold_is_not_that_of_a_wrapped_environment(smoke):
    """A wrapper may pay otherwise; one that the config gives is kept."""
    entry = {"id": "CartPole-v1", "env_steps": 100}
    entry["optimizer"] = {"learning_rate": 0.1}
    clip = {"id": "gymnasium.wrappers:ClipReward", "kwargs": {"max_reward": 0.5}}
    wrapped = entry | {"wrappers": [clip]}
    for given, threshold in (
        (entry, 475),
        (wrapped, None),
        (wrapped | {"threshold": 90}, 90),
    ):
        cell = load_study(smoke | {"environments": [given]}).cells[0]
        assert cell.threshold == threshold


def test_its_code_is_part_of_the_key_and_no_one_elses(smoke, tmp_path, monkeypatch):
    """An edit of the user's module gives its runs other keys, and only them."""
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "keyed_lab.py"
    module.write_text("def f(rewards, mask, gamma):\n    return rewards\n")
    mine = {"name": "mine", "weights": "keyed_lab:f"}
    config = smoke | {"estimators": [{"name": "total-return"}, mine]}
    study = load_study(config)
    assert study.cells == study.now().cells
    module.write_text("def f(rewards, mask, gamma):\n    return 2 * rewards\n")
    user_code._of.cache_clear()
    again = load_study(config)
    changed = {
        cell.estimator
        for cell, other in zip(study.cells, again.cells, strict=True)
        if cell.key(0) != other.key(0)
    }
    assert changed == {"mine"}
    assert [cell.key(0) for cell in study.now().cells] == [
        cell.key(0) for cell in again.cells
    ]
