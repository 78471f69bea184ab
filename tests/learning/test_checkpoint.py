"""A training that goes on from a snapshot ends with the same bits."""

from dataclasses import replace

import pytest

from pgstudy.experiment.store.checkpoints import Saved, decode, encode
from pgstudy.learning.specification import (
    AdaptiveSpecification,
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    ValueSpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import corridor, specification

VALUE = ValueSpecification(0.01, "observation", (4,))
ADAM = OptimizerSpecification("adam", 1e-2, "linear")
NORMALISED = PolicySpecification((8,), normalise_observations=True)
FOLLOW = AdaptiveSpecification(2.0, 64)
CASES = {
    "plain": {},
    "adam": {"optimizer": ADAM},
    "normalised observations": {"policy": NORMALISED},
    "running mean": {"estimator": EstimatorSpecification(baseline="running-mean")},
    "window": {"estimator": EstimatorSpecification(baseline="running-mean", window=2)},
    "decay": {"estimator": EstimatorSpecification(baseline="running-mean", decay=0.7)},
    "adaptive": {"estimator": EstimatorSpecification(adaptive=FOLLOW)},
    "learned": {"estimator": EstimatorSpecification(baseline="learned", value=VALUE)},
    "one environment": {"n": 1},
    "corridor": {"environment": corridor(), "policy": PolicySpecification()},
    "native vector": {
        "environment": EnvironmentSpecification("CartPole-v1", {}, 500, True)
    },
    "same starts": {"estimator": EstimatorSpecification(trajectories_per_start=2)},
    "env_steps": {"budget": Budget("env_steps", 700)},
}
MANY = ("FrozenLake-v1", "Acrobot-v1", "Pendulum-v1", "Taxi-v4", "CliffWalking-v1")
EXTRAS = {"InvertedPendulum-v5": "mujoco", "LunarLander-v3": "Box2D"}


def resumed_at(how, after):
    """Stop after some updates, go on in a new trainer: (whole, resumed)."""
    kept = []

    def keep(trainer):
        if trainer.spent["updates"] == after:
            kept.append(encode(Saved(trainer.state(), 1.0)))

    whole = train(how, 3, after_update=keep)
    return whole, train(how, 3, saved=decode(kept[0]).snapshot)


def assert_same_bits(how, after=2):
    whole, resumed = resumed_at(how, after)
    assert resumed.digest() == whole.digest()
    assert resumed.status == whole.status


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("after", [1, 4])
def test_the_bits_are_those_of_a_run_that_was_never_cut(case, after):
    """Weights, optimiser, generators, tables, baselines that remember."""
    assert_same_bits(specification(**CASES[case]), after)


@pytest.mark.parametrize("environment_id", [*MANY, *EXTRAS])
def test_gymnasiums_environments_go_on_from_their_generators(environment_id):
    """Nothing else of one episode reaches the next."""
    if environment_id in EXTRAS:
        pytest.importorskip(EXTRAS[environment_id], reason="needs `make extras`")
    environment = EnvironmentSpecification(environment_id, {}, 60)
    assert_same_bits(specification(environment=environment))


def test_a_run_that_ends_early_ends_as_early_after_a_resume():
    """The update that diverges does so again."""
    how = specification(
        optimizer=OptimizerSpecification("sgd", 1e30, "constant"),
        budget=Budget("updates", 30),
    )
    whole = train(how, 3)
    assert whole.status == "diverged"
    assert_same_bits(how, after=1)


def test_what_an_environment_of_ones_own_keeps_is_unknown():
    """And envpool hands out no generators: such a run starts again."""
    kept = []
    how = specification(environment=EnvironmentSpecification("test/Broken-v0", {}, 60))
    train(how, 0, after_update=lambda trainer: kept.append(trainer.state()))
    assert kept == [None] * 5
    pytest.importorskip("envpool", reason="needs `make extras`")
    pool = EnvironmentSpecification("CartPole-v1", {}, 60, "envpool")
    train(replace(how, environment=pool), 0, None, lambda t: kept.append(t.state()))
    assert kept == [None] * 10


def test_a_snapshot_does_not_change_with_the_training():
    """It is a copy: what is written later is what was then."""
    kept = []
    train(specification(), 0, after_update=lambda t: kept.append(t.state()))
    texts = {one["parameters"].tobytes() for one in kept}
    assert len(texts) == 5
    assert [one["history"]["spent"]["updates"] for one in kept] == [1, 2, 3, 4, 5]
    assert [len(one["history"]["trajectories"]) for one in kept] == [1, 2, 3, 4, 5]
