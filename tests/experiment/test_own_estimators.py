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
            "own trajectory's rew",
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
