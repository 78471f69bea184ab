"""Presets and groups of trajectories in a config."""

import json
from dataclasses import replace

import gymnasium
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.study.estimators import PRESETS
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.specification import EstimatorSpecification


class Stranger(gymnasium.Wrapper):
    """Who knows what it remembers."""


gymnasium.register(
    "toy/Strange-v0", lambda: Stranger(ShortCorridor()), max_episode_steps=9
)


def study(smoke, *estimators, counts=(1, 4, 6)):
    named = [{"name": f"e{i}", **how} for i, how in enumerate(estimators)]
    for entry in smoke["environments"]:
        entry["optimizer"] = {"learning_rate": 0.001}
    return load_study(smoke | {"estimators": named, "sample_counts": list(counts)})


def faults(smoke, *estimators, **more):
    with pytest.raises(ConfigError) as caught:
        study(smoke, *estimators, **more)
    return "\n".join(caught.value.faults)


def corridor_cells(found):
    """Estimators by N on the corridor, and the reasons of those left out."""
    cells = found.cells_of("ShortCorridor-v0")
    there = {c.n: c.specification.estimator for c in cells}
    left = {c.n: c.reason for c in found.left_out}
    return there, left


@pytest.mark.parametrize(
    ("name", "baseline", "normalise", "length_division"),
    [
        ("rloo", "leave-one-out", False, False),
        ("grpo", "batch-mean", True, True),
        ("grpo-no-std", "batch-mean", False, True),
        ("dr-grpo", "batch-mean", False, False),
    ],
)
def test_a_preset_is_its_options(smoke, name, baseline, normalise, length_division):
    """Nothing of it is left but what it stands for."""
    there, _ = corridor_cells(
        study(smoke, {"preset": name, "trajectories_per_start": 2}, counts=[4])
    )
    assert there[4] == EstimatorSpecification(
        credit="total",
        baseline=baseline,
        normalise=normalise,
        length_division=length_division,
        trajectories_per_start=2,
    )


def test_an_n_that_is_no_whole_groups_is_left_out(smoke):
    """By either key, with the reason."""
    there, left = corridor_cells(
        study(smoke, {"preset": "rloo", "trajectories_per_start": 4})
    )
    assert {n: how.trajectories_per_start for n, how in there.items()} == {4: 4}
    assert left[6] == "N = 6 is no multiple of trajectories_per_start: 4"
    there, left = corridor_cells(study(smoke, {"preset": "rloo", "starts": 2}))
    sizes = {n: how.trajectories_per_start for n, how in there.items()}
    assert sizes == {4: 2, 6: 3}
    assert left[1] == "N = 1 is no multiple of starts: 2"


@pytest.mark.parametrize("preset", PRESETS)
def test_one_trajectory_has_none_to_be_compared_with(smoke, preset):
    """N = B leaves groups of one: no estimator of the four exists."""
    found = study(smoke, {}, {"preset": preset, "starts": 4})
    assert [c.n for c in found.cells if c.estimator == "e1"] == []
    (reason,) = {c.reason for c in found.left_out if c.n == 4}
    assert "with one trajectory per start" in reason


def test_groups_of_one_are_no_groups(smoke):
    """So the same runs are not trained twice under two names."""
    assert "are the same runs" in faults(smoke, {}, {"trajectories_per_start": 1})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"preset": "grpo"}, ["preset: grpo", "set trajectories_per_start"]),
        ({"preset": "gpro", "starts": 2}, ["gpro", "did you mean 'grpo'"]),
        ({"trajectories_per_start": 2, "starts": 2}, ["both set", "leave one out"]),
        ({"trajectories_per_start": 0}, ["trajectories_per_start: 0 is too small"]),
        (
            {"preset": "dr-grpo", "starts": 2, "normalise": True},
            ["'normalise: true'", "'preset: dr-grpo'", "normalise: false"],
        ),
        (
            {"preset": "rloo", "starts": 2, "baseline": "batch-mean"},
            ["'baseline: batch-mean'", "baseline: leave-one-out"],
        ),
    ],
)
def test_a_fault_of_groups_names_the_keys_and_the_cure(smoke, how, words):
    """Both of those that are at odds."""
    text = faults(smoke, how)
    assert all(word in text for word in words), text


def test_a_key_that_repeats_its_preset_is_no_fault(smoke):
    """It says the same."""
    how = {"preset": "rloo", "trajectories_per_start": 2, "baseline": "leave-one-out"}
    assert study(smoke, how, counts=[4]).cells


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "toy/Strange-v0"}, ["toy/Strange-v0", "Gymnasium's own"]),
        ({"vectorize": True}, ["CartPole-v1", "vectorize"]),
    ],
)
def test_an_environment_that_can_not_begin_alike_is_a_fault(smoke, change, words):
    """At once, by key and environment, not when a job starts."""
    smoke["environments"][1] |= change
    text = faults(smoke, {"trajectories_per_start": 2}, counts=[4])
    assert all(word in text for word in ["trajectories_per_start", *words]), text


def test_runs_without_groups_keep_the_text_that_their_streams_hash(smoke):
    """And those with them make the trip to a job."""
    (plain, *_) = study(smoke, {}, counts=[4]).cells
    assert "length_division" not in str(plain.specification.to_dict())
    how = EstimatorSpecification(trajectories_per_start=2, length_division=True)
    cell = replace(plain, specification=replace(plain.specification, estimator=how))
    data = Block(cell, (0,)).to_json()
    assert '"length_division":true' in data
    assert Block.from_dict(json.loads(data)).cell.specification == cell.specification
