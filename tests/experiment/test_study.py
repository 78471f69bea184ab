"""Cells, precedence of settings, keys and blocks."""

import json
from pathlib import Path

import gymnasium
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance import user_code
from pgstudy.experiment.study.cell import Block, folder_name, learning_rate_text
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.specification import EstimatorSpecification, ValueSpecification

gymnasium.register("toy/Bandit-v0", ShortCorridor, max_episode_steps=9)


def cell(config, environment="CartPole-v1", estimator="total-return", n=4):
    study = load_study(config)
    (found,) = (
        c
        for c in study.cells
        if (c.environment, c.estimator, c.n) == (environment, estimator, n)
    )
    return found


def test_later_places_win_key_by_key(smoke):
    """defaults < environment < estimator < the environment's estimators.<name>."""
    smoke["defaults"]["optimizer"] = {"learning_rate": 1, "name": "adam"}
    assert cell(smoke).specification.optimizer.learning_rate == 1e-3
    assert cell(smoke).specification.optimizer.name == "adam"
    smoke["estimators"][0]["optimizer"] = {"learning_rate": 3}
    assert cell(smoke).specification.optimizer.learning_rate == 3
    pair = {"total-return": {"optimizer": {"learning_rate": {1: 9, 4: 4}}}}
    smoke["environments"][1]["estimators"] = pair
    optimizer = cell(smoke).specification.optimizer
    assert (optimizer.learning_rate, optimizer.schedule) == (4, "linear")
    assert cell(smoke, n=1).specification.optimizer.learning_rate == 9


def test_a_budget_replaces_one_of_another_unit(smoke):
    """The environment says env_steps, the estimator updates: updates it is."""
    smoke["estimators"][0]["updates"] = 12
    budget = cell(smoke).specification.budget
    assert (budget.unit, budget.amount) == ("updates", 12)


def test_leave_one_out_at_n_1_is_left_out_with_the_reason(smoke):
    """The cell is named, not silently dropped."""
    left = load_study(smoke).left_out
    assert {(c.estimator, c.n) for c in left} == {("leave-one-out", 1)}
    assert "running-mean" in left[0].reason


def test_an_n_that_the_study_does_not_have_is_left_out(smoke):
    """So that sample_counts can be overridden without touching the estimators."""
    smoke["estimators"][0]["sample_counts"] = [4, 16]
    reasons = {(c.estimator, c.n): c.reason for c in load_study(smoke).left_out}
    assert "16 is not among" in reasons["total-return", 16]


def test_the_key_holds_all_that_decides_the_bits(smoke):
    """Another seed, setting or step limit: another key; a label: the same."""
    base = cell(smoke).key(0)
    assert cell(smoke).key(1) != base
    smoke["environments"][1]["max_episode_steps"] = 100
    assert cell(smoke).key(0) != base
    smoke["environments"][1]["max_episode_steps"] = 500
    smoke["environments"][1]["name"] = "pole"
    assert cell(smoke, "pole").key(0) == base


def test_blocks_keep_a_seed_in_place_when_others_are_added(smoke):
    """Seeds 0 .. 9 in fives; an eleventh makes a block of its own."""
    smoke |= {"seeds": 10, "seeds_per_job": 5}
    before = {b.manifest for b in load_study(smoke).blocks()}
    after = {b.manifest for b in load_study(smoke | {"seeds": 11}).blocks()}
    assert before < after


def test_a_block_survives_its_trip_as_json(smoke):
    """What the training process gets has the same keys."""
    import json

    for block in load_study(smoke).blocks():
        again = Block.from_dict(json.loads(block.to_json()))
        assert again.manifest == block.manifest


@pytest.mark.parametrize("label", ["toy/Bandit-v0", "a b%", "../x", "é"])
def test_labels_become_one_folder_reversibly(label):
    """A slash does not nest, and two labels never share a folder (case 17)."""
    from urllib.parse import unquote

    name = folder_name(label)
    assert Path(name).name == name
    assert unquote(name) == label


def test_a_namespaced_environment_is_a_cell_like_others(smoke):
    """toy/Bandit-v0 keeps its id in the cell and one flat folder in the store."""
    entry = {"id": "toy/Bandit-v0", "updates": 1, "optimizer": {"learning_rate": 1}}
    smoke["environments"].append(entry)
    found = cell(smoke, "toy/Bandit-v0")
    assert str(found.folder) == "toy%2FBandit-v0/total-return/N4"


def test_a_learning_rate_rule_is_read_at_n(smoke):
    """base N^power, one number for each N."""
    for entry in smoke["environments"]:
        entry["optimizer"] = {"learning_rate": {"base": 1e-4, "power": 0.5}}
    cells = load_study(smoke).cells
    rates = {cell.n: cell.specification.optimizer.learning_rate for cell in cells}
    assert rates == pytest.approx({1: 1e-4, 4: 2e-4})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"baseline": "leave-one-out"}, "undefined at N = 1"),
        ({"baseline": "per-step-mean"}, "no other trajectory"),
        ({"baseline": "batch-mean"}, "always 0"),
        ({"normalise": True}, "spread over trajectories"),
    ],
)
def test_what_needs_other_trajectories_is_left_out_at_one(smoke, how, words):
    """By cell, with the reason; the other N are run."""
    smoke["estimators"] = [{"name": "it"} | how]
    study = load_study(smoke)
    assert {cell.n for cell in study.cells} == {4}
    assert all(cell.n == 1 and words in cell.reason for cell in study.left_out)
    assert len(study.left_out) == 2


def test_estimator_settings_reach_the_specification(smoke):
    """All of them, and a value function only where it is used."""
    smoke["estimators"] = [
        {"name": "a", "credit": "to-go", "gamma": 0.9, "discounting": "biased"},
        {"name": "b", "baseline": "learned", "value": {"learning_rate": 1}},
        {"name": "c", "baseline": "constant", "constant": -3, "entropy": 1e-2},
    ]
    smoke["defaults"]["value"] = {"features": "constant"}
    found = {c.estimator: c.specification.estimator for c in load_study(smoke).cells}
    assert found["a"] == EstimatorSpecification("to-go", 0.9, "biased")
    value = ValueSpecification(1.0, "constant")
    assert found["b"] == EstimatorSpecification(baseline="learned", value=value)
    c = EstimatorSpecification(baseline="constant", constant=-3.0, entropy=0.01)
    assert found["c"] == c


def test_a_users_module_is_part_of_what_a_run_is(smoke, tmp_path, monkeypatch):
    """An edit of it makes other runs; an edit beside it does not."""
    package = tmp_path / "labyrinth"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "envs.py").write_text(
        "import gymnasium\n"
        "from pgstudy.learning.environments.corridor import ShortCorridor\n"
        "gymnasium.register('toy/Labyrinth-v0', ShortCorridor, max_episode_steps=9)\n"
    )
    monkeypatch.chdir(tmp_path)
    smoke["register"] = "labyrinth.envs"
    smoke["environments"][0]["id"] = "toy/Labyrinth-v0"
    del smoke["environments"][0]["max_episode_steps"]
    cell = load_study(smoke).cells[0]
    assert cell.specification.environment.module == "labyrinth.envs"
    assert cell.specification.environment.max_episode_steps == 9
    key = cell.key(0)
    (tmp_path / "notes.py").write_text("1")
    user_code._of.cache_clear()
    assert load_study(smoke).cells[0].key(0) == cell.now().key(0) == key
    (package / "helper.py").write_text("1")
    user_code._of.cache_clear()
    assert load_study(smoke).cells[0].key(0) != key


def test_two_modules_that_register_one_id_are_refused_by_name(
    smoke, tmp_path, monkeypatch
):
    """The second would win without a word; also in a later study of the process."""
    for name, entry in (("atrium", "ShortCorridor"), ("annex", "ShortCorridor")):
        (tmp_path / f"{name}.py").write_text(
            "import gymnasium\n"
            f"from pgstudy.learning.environments.corridor import {entry}\n"
            f"gymnasium.register('toy/Hall-v0', {entry}, max_episode_steps=9)\n"
        )
    monkeypatch.chdir(tmp_path)
    smoke["environments"] = [{**smoke["environments"][0], "id": "toy/Hall-v0"}]
    alone, both = {"register": "atrium"}, {"register": ["atrium", "annex"]}
    for register in (both, {"register": "annex"}):
        with pytest.raises(ConfigError, match="atrium and annex both register toy/H"):
            load_study(smoke | register)
    cells = load_study(smoke | alone).cells
    assert cells[0].specification.environment.module == "atrium"


def test_settings_that_do_nothing_make_no_other_run(smoke):
    """A linear softmax policy has no activation, and no log standard deviation."""
    before = cell(smoke, "ShortCorridor-v0").key(0)
    smoke["environments"][0]["policy"] = {"activation": "relu", "log_std": -1}
    assert cell(smoke, "ShortCorridor-v0").key(0) == before
    smoke["environments"][0]["policy"] |= {"hidden": [4]}
    assert cell(smoke, "ShortCorridor-v0").key(0) != before


def test_observations_are_normalised_where_an_environment_says_so(smoke):
    """Its own setting wins, so integers beside it are no fault."""
    smoke["defaults"]["policy"] = {"normalise_observations": True}
    smoke["environments"][0]["policy"] = {"normalise_observations": False}
    assert cell(smoke).specification.policy.normalise_observations


def test_a_list_of_learning_rates_makes_a_cell_of_each(smoke):
    """In a list, and in a table by N; their runs and manifests are told apart."""
    smoke["environments"] = smoke["environments"][:1]
    smoke["estimators"] = smoke["estimators"][:1]
    rates = {1: ["2^-12", 0.1], 4: 0.2}
    smoke["environments"][0]["optimizer"] = {"learning_rate": rates}
    study = load_study(smoke)
    assert [(c.n, c.learning_rate) for c in study.cells] == [
        (1, 2**-12),
        (1, 0.1),
        (4, 0.2),
    ]
    assert study.cells[0].label.endswith("N = 1, learning rate 2^-12")
    assert study.sweeps_learning_rates
    assert study.learning_rates == (2**-12, 0.1, 0.2)
    assert len({b.manifest for b in study.blocks()}) == 3
    assert len({c.key(0) for c in study.cells}) == 3


def test_a_study_with_one_learning_rate_per_cell_sweeps_none(smoke):
    """A table by N is no axis."""
    assert not load_study(smoke).sweeps_learning_rates


@pytest.mark.parametrize(
    ("value", "text"),
    [(2**-12, "2^-12"), (0.5, "0.5"), (0.25, "0.25"), (1e-3, "0.001"), (16.0, "16")],
)
def test_learning_rates_are_written_as_people_do(value, text):
    """A power of two as one, if its digits would say less."""
    assert learning_rate_text(value) == text


def test_curves_run_over_episodes_where_all_budgets_do(smoke):
    """One cell in another unit, and they run over environment steps."""
    smoke["defaults"]["episodes"] = 10
    for entry in smoke["environments"]:
        del entry["env_steps"]
    assert load_study(smoke).unit("CartPole-v1") == "episodes"
    smoke["estimators"][0]["updates"] = 10
    assert load_study(smoke).unit("CartPole-v1") == "env_steps"


def test_a_specification_survives_its_trip_to_a_training_process(smoke):
    """Every field, lists and numbers included."""
    smoke["environments"] = smoke["environments"][:1]
    smoke["environments"][0] |= {
        "stop_when_truncated": True,
        "policy": {"initial_probabilities": [0.3, 0.7]},
    }
    block = next(load_study(smoke).blocks())
    again = Block.from_dict(json.loads(block.to_json()))
    assert again.cell.specification == block.cell.specification
    assert again.cell.specification.stop_when_truncated
    assert again.manifest == block.manifest
