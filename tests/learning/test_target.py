"""Runs that end where the policy's expected return has reached a target."""

import math
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import NormalizeObservation

from pgstudy.learning import evaluation
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
    TargetSpecification,
)
from pgstudy.learning.training import train, train_together

CARTPOLE = EnvironmentSpecification("CartPole-v1", {}, 500)
CORRIDOR = EnvironmentSpecification("ShortCorridor-v0", {}, 100)


def run_of(environment=CARTPOLE, threshold=60.0, rate=0.01, updates=300):
    return RunSpecification(
        environment=environment,
        n=8,
        estimator=EstimatorSpecification(baseline="leave-one-out"),
        policy=PolicySpecification(),
        optimizer=OptimizerSpecification("sgd", rate, "constant"),
        budget=Budget("updates", updates),
        evaluation_episodes=50,
        target=TargetSpecification(threshold, 64),
    )


@pytest.fixture(scope="module")
def arrived():
    return train(run_of(), 0)


def test_the_run_ends_after_the_first_test_at_the_threshold(arrived):
    """Before it, every test was below; after it, there is no update."""
    tests = arrived.updates["test_return"]
    assert arrived.status == "finished"
    assert len(tests) < 300
    assert tests[-1] >= 60
    assert (tests[:-1] < 60).all()


def test_its_end_is_a_policy_that_is_there(arrived):
    """Fresh episodes had no part in the end; three standard errors are allowed."""
    returns = arrived.evaluation["final"]
    error = returns.std(ddof=1) / math.sqrt(len(returns))
    assert returns.mean() > 60 - 3 * error


def test_its_policies_are_kept_at_the_start_half_way_and_at_the_end(arrived):
    """Half way is by return: the middle's is between the two others."""
    names = {name.split("/")[0] for name in arrived.milestones}
    assert {"start", "middle"} <= names
    start, middle = (
        arrived.milestones[f"{m}/layer0.weight"] for m in ("start", "middle")
    )
    end = arrived.policy["layer0.weight"].numpy()
    assert not np.array_equal(start, middle)
    assert not np.array_equal(middle, end)


def test_a_run_that_never_arrives_ends_with_its_budget():
    training = train(run_of(threshold=450.0, rate=1e-6, updates=6), 0)
    assert training.status == "finished"
    assert len(training.updates["update"]) == 6
    assert "middle" in {name.split("/")[0] for name in training.milestones}


def test_a_target_changes_no_number_of_the_way_there(arrived):
    """Tests draw from streams of their own: all updates are those of a longer run that
    has the same streams, since it has the same specification.
    """
    trainer = Trainer(run_of(), 0)
    for _ in range(3):
        trainer.learn(trainer.sampler.sample())
    norms = trainer.history.updates()["gradient_norm"]
    trainer.sampler.close()
    assert norms.tolist() == arrived.updates["gradient_norm"][:3].tolist()


def test_a_run_goes_on_from_a_checkpoint_to_the_same_bits(arrived):
    states = []

    def keep(trainer):
        if trainer.spent["updates"] == 5:
            states.append(trainer.state())

    assert train(run_of(), 0, after_update=keep).digest() == arrived.digest()
    assert train(run_of(), 0, saved=states[0]).digest() == arrived.digest()


def test_no_checkpoint_is_asked_for_once_it_has_arrived(arrived):
    """From there it would train on."""
    seen = []
    train(run_of(), 0, after_update=lambda trainer: seen.append(dict(trainer.spent)))
    assert seen[-1]["updates"] == len(arrived.updates["update"]) - 1


def test_seeds_side_by_side_have_the_bits_of_each_alone():
    together = replace(run_of(), environment=replace(CARTPOLE, vectorize=True))
    nothing = [None] * 3
    found = dict(train_together(together, [0, 1, 2], nothing, nothing))
    alone = [train(together, seed).digest() for seed in (0, 1, 2)]
    assert [found[i].digest() for i in range(3)] == alone


def test_the_specification_survives_json_and_is_not_there_without_a_target():
    with_target = run_of()
    assert RunSpecification.from_dict(with_target.to_dict()) == with_target
    without = replace(with_target, target=None)
    assert "target" not in without.to_dict()
    assert RunSpecification.from_dict(without.to_dict()) == without


def test_tests_are_so_close_that_the_time_is_known_to_four_percent():
    tested = [u for u in range(1, 100_000) if evaluation.is_tested(u)]
    assert tested[:50] == list(range(1, 51))
    gaps = np.diff(tested) / np.array(tested[:-1])
    assert gaps[50:].max() <= 0.0401


@pytest.mark.parametrize("episodes", [8, 16, 17, 64, 100, 1024])
def test_the_stages_of_a_test_play_its_episodes(episodes):
    counts = evaluation.stages(episodes)
    assert sum(counts) == episodes
    assert counts[0] == min(16, episodes)
    assert min(counts) > 0


def test_a_hopeless_test_ends_after_its_first_stage(monkeypatch):
    """Counted by the episodes that are played; the corridor's start is far away."""
    played = []
    original = evaluation._played

    def counted(sampler):
        found = original(sampler)
        played.append(len(found))
        return found

    monkeypatch.setattr(evaluation, "_played", counted)
    specification = replace(
        run_of(CORRIDOR, -3.5), target=TargetSpecification(-3.5, 1024)
    )
    trainer = Trainer(specification, 0)
    mean = trainer.tests.mean(1)
    trainer.sampler.close()
    trainer.tests.close()
    assert played == [16]
    assert mean < -3.5


LISTED = [
    (EnvironmentSpecification("FrozenLake-v1", {}, 100), 0.2),
    (EnvironmentSpecification("Pendulum-v1", {}, 50), -200.0),
    (EnvironmentSpecification("InvertedPendulum-v5", {}, 100), 20.0),
    (CORRIDOR, -12.0),
]


@pytest.mark.parametrize("environment, threshold", LISTED)
def test_environments_that_serve_again_change_no_bit(
    environment, threshold, monkeypatch
):
    """Made anew for each test, they give the same means."""
    if environment.id.startswith("Inverted"):
        pytest.importorskip("mujoco", reason="NO MUJOCO: make .venv/extras")
    specification = run_of(environment, threshold, updates=20)
    kept = train(specification, 3)
    monkeypatch.setattr(evaluation, "restarted", lambda *_: False)
    assert train(specification, 3).digest() == kept.digest()
    assert len(kept.updates["test_return"]) > 1


def test_an_environment_that_may_remember_is_made_anew(monkeypatch):
    """One in a wrapper that keeps a running mean is not the same after an episode."""
    made = []
    original = evaluation.make_samplers
    monkeypatch.setattr(
        evaluation, "make_samplers", lambda *a: made.append(1) or original(*a)
    )
    gymnasium.register(
        "RemembersTarget-v0",
        entry_point="gymnasium.envs.classic_control.cartpole:CartPoleEnv",
        additional_wrappers=(NormalizeObservation.wrapper_spec(),),
    )
    try:
        own = EnvironmentSpecification("RemembersTarget-v0", {}, 100)
        train(run_of(own, 1000.0, updates=3), 0)
    finally:
        del gymnasium.registry["RemembersTarget-v0"]
    assert len(made) == 3
