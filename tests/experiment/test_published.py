"""Published tables: what they mean in a study, and every fault of theirs by name."""

import copy

import pytest
import yaml

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.config.published_files import find
from pgstudy.experiment.study.study_file import Plan, read_study, write_plan
from pgstudy.experiment.system.errors import ConfigError
from tests.conftest import ROOT

CONFIG = yaml.safe_load((ROOT / "config/sutton_barto.yaml").read_text())
FIGURE = yaml.safe_load((ROOT / "config/published/figure_13_1.yaml").read_text())
EXAMPLE = yaml.safe_load((ROOT / "config/published/example_13_1.yaml").read_text())


@pytest.fixture
def figure():
    """A fresh copy of Figure 13.1, to be changed at will."""
    return copy.deepcopy(FIGURE)


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """Files of one's own lie below the folder that a study is run in."""
    monkeypatch.chdir(tmp_path)


def load(tmp_path, *tables, **changes):
    """The study of the book with just these tables."""
    files = []
    for i, table in enumerate(tables):
        files.append(tmp_path / f"{i}.yaml")
        files[-1].write_text(yaml.safe_dump(table))
    return load_study(CONFIG | changes | {"published": [str(f) for f in files]})


def faults(tmp_path, *tables, **changes):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, *tables, **changes)
    return "\n".join(caught.value.faults)


def test_the_books_tables_belong_to_the_books_study():
    """Every check of Figures 13.1 and 13.2 finds one cell."""
    study = load_study(CONFIG)
    slugs = [p.slug for p in study.published]
    assert slugs == ["example-13.1", "figure-13.1", "figure-13.2"]
    first, *others = study.published
    assert first.exact is not None
    assert all(check.cell in study.cells for p in others for check in p.checks)
    early = others[0].checks[0]
    assert (early.value, early.standard_error) == (-39.25, 0.59)
    assert (early.cell.estimator, early.cell.learning_rate) == ("reward-to-go", 2**-12)
    assert [c.learning_rate for c in others[0].figure.cells] == [2**-12, 2**-13, 2**-14]


def test_a_file_of_ones_own_wins_over_pgstudys(tmp_path, monkeypatch):
    """Looked for in the working folder first."""
    monkeypatch.chdir(tmp_path)
    name = "config/published/figure_13_1.yaml"
    assert find(name) == ROOT / name
    (tmp_path / "config/published").mkdir(parents=True)
    (tmp_path / name).write_text("")
    assert find(name).resolve() == tmp_path / name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "much"}, ["checks[0].value: 'much' is not a number"]),
        ({"valeu": 1}, ["unknown key 'valeu'", "did you mean 'value'"]),
        ({"stuck_share": True}, ["'to-go.12.early'", "exactly one of mean_return"]),
        ({"below": -3}, ["value and tolerance"]),
        ({"tolerance": 1}, ["value and tolerance"]),
        ({"mean_return": [1, 1001]}, ["no episodes 1 to 1001 among 1000"]),
        ({"mean_return": [9, 2]}, ["no episodes 9 to 2"]),
        ({"cell": {"estimator": "actor-critic"}}, ["no cell of this study"]),
        ({"cell": {"estimator": "reward-to-go"}}, ["3 cells of this study"]),
        ({"cell": {"estimator": "reward-to-go", "n": 4}}, ["no cell", "n 4"]),
        ({"id": "to-go.12.late"}, ["'to-go.12.late' is there twice"]),
        ({"id": "a b"}, ["checks[0].id: 'a b'"]),
        ({"standard_error": float("inf")}, ["checks[0].standard_error: inf"]),
        ({"value": float("nan")}, ["checks[0].value: nan"]),
    ],
)
def test_a_fault_of_a_check_is_named(tmp_path, figure, change, words):
    """With the file and the check that it is in."""
    figure["checks"][0] |= change
    text = faults(tmp_path, figure)
    assert all(word in text for word in ["0.yaml", *words]), text


def test_what_a_cell_can_not_give_is_a_fault(tmp_path, figure):
    """Episodes of a budget in steps; the one row of preferences of a network."""
    environment = CONFIG["environments"][0]
    steps = {k: v for k, v in environment.items() if k != "episodes"}
    text = faults(tmp_path, figure, environments=[steps | {"env_steps": 100}])
    assert "needs a budget in episodes" in text
    network = environment | {"policy": {"hidden": [4]}}
    text = faults(tmp_path, figure, environments=[network])
    assert "action_probability needs discrete actions, a policy without hid" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cells": []}, ["figure.cells: it is empty"]),
        ({"y": [float("nan"), 1]}, ["figure.y[0]: nan is not a finite number"]),
        ({"y": [3, 3]}, ["figure: y: 3 is not below 3"]),
    ],
)
def test_a_fault_of_a_figure_is_named(tmp_path, figure, change, words):
    """Before any job starts, not when it is drawn."""
    figure["figure"] |= change
    text = faults(tmp_path, figure)
    assert all(word in text for word in words), text


def test_a_figure_has_cells_or_is_exact(tmp_path, figure):
    """Neither both nor none."""
    del figure["figure"]["cells"]
    assert "every other one needs them" in faults(tmp_path, figure)
    example = copy.deepcopy(EXAMPLE)
    example["figure"]["cells"] = [{"estimator": "total-return", "step_size": 2**-12}]
    assert "an exact figure has no cells" in faults(tmp_path, example)


@pytest.mark.parametrize("value", [None, 5, [5], [None], [["a.yaml"]], ["a" * 5000]])
def test_anything_may_stand_under_published(value):
    """A message, never a traceback."""
    with pytest.raises(ConfigError, match="published"):
        load_study(CONFIG | {"published": value})


def test_a_study_file_holds_what_was_published(tmp_path, figure):
    """So that study.json says all, wherever it is read from."""
    study = load(tmp_path, figure)
    (tmp_path / "0.yaml").unlink()
    write_plan(tmp_path / "study.json", Plan(study))
    assert read_study(tmp_path / "study.json").published == study.published


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ("NoSuch-v0", ["NoSuch"]),
        ("CartPole-v1", ["P and initial_state_distrib"]),
        ("FrozenLake-v1", ["two actions"]),
    ],
)
def test_exact_returns_need_a_model_with_two_actions(tmp_path, environment, words):
    """Found before any job starts."""
    table = copy.deepcopy(EXAMPLE)
    table["exact"]["environment"] = environment
    text = faults(tmp_path, table)
    assert all(word in text for word in words), text


def test_all_faults_of_all_files_are_reported_together(tmp_path, figure):
    """Of form, of cells and of figures; those of the config itself come first."""
    other = copy.deepcopy(EXAMPLE)
    figure["checks"][0]["cell"] = {"estimator": "x"}
    figure["figure"] |= {"y": [0, -1], "cells": [{"estimator": "y"}]}
    other["item"] = "7"
    text = faults(tmp_path, figure, other)
    words = ("estimator x", "cells[0]: no cell", "0 is not below -1", "item: '7'")
    assert all(word in text for word in words), text
    text = faults(tmp_path, figure, other, bins=0)
    assert "bins" in text
    assert "estimator x" not in text


def test_the_same_item_twice_is_a_fault(tmp_path, figure):
    """Their figures would overwrite each other."""
    assert "'figure-13.1' is there more than once" in faults(tmp_path, figure, figure)


def test_a_file_that_is_no_table_is_a_message(tmp_path):
    """Broken YAML, and a list where keys should be."""
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="can't be read"):
        load_study(CONFIG | {"published": [str(tmp_path / "a.yaml")]})
    assert "not a table" in faults(tmp_path, ["a"])


@pytest.mark.parametrize("how", ["up", "absolute", "a link"])
def test_a_file_elsewhere_is_not_read(tmp_path, monkeypatch, how):
    """What is in it would stand in messages."""
    secret = tmp_path / "secret"
    secret.write_text("password: correct horse")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "link.yaml").symlink_to(secret)
    names = {"up": "../secret", "absolute": str(secret), "a link": "link.yaml"}
    with pytest.raises(ConfigError, match="not below the folder") as caught:
        load_study(CONFIG | {"published": [names[how]]})
    assert "horse" not in str(caught.value)
    with pytest.raises(ConfigError, match="published"):
        load_study(CONFIG | {"published": ["../../.."]})
