"""Whole runs: bits, budgets, divergence, and the update against a double loop."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from pgstudy.experiment.training.call import THREADS
from pgstudy.learning.policies.making import saved
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.streams import Streams
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
    ValueSpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import corridor, specification

DIGEST = """
from tests.learning.helpers import specification
from pgstudy.learning.training import train
from pgstudy.learning.specification import PolicySpecification
print(train(specification(policy=PolicySpecification(hidden=(444,))), 3).digest())
"""


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    """Two trainings in one process, with another one between them."""
    first = train(specification(), 0).digest()
    assert train(specification(), 1).digest() != first
    assert train(specification(), 0).digest() == first


@pytest.mark.parametrize(
    "variables", [dict.fromkeys(THREADS, "8"), {"PYTHONHASHSEED": "7"}]
)
def test_the_bits_do_not_depend_on_the_shell(variables):
    """Hidden width 444: more threads would show (case 3)."""
    one = dict.fromkeys(THREADS, "1")
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | one | {"PYTHONHASHSEED": "0"} | extra,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for extra in ({}, variables)
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("budget", "column"),
    [
        (Budget("env_steps", 200), "env_steps"),
        (Budget("updates", 7), "update"),
        (Budget("episodes", 22), "episodes"),
    ],
)
def test_a_run_ends_with_the_update_that_reaches_the_budget(budget, column):
    """Whole updates: the one before the last had not reached it."""
    spent = train(specification(budget=budget), 0).updates[column]
    assert spent[-1] >= budget.amount
    assert spent[-2] < budget.amount


def test_the_tables_agree_with_each_other():
    """Updates are sums and means of their episodes."""
    result = train(specification(), 0)
    lengths = result.episodes["length"].reshape(5, 4)
    returns = result.episodes["return"].reshape(5, 4)
    assert result.updates["env_steps"].tolist() == lengths.sum(1).cumsum().tolist()
    assert result.updates["mean_return"] == pytest.approx(returns.mean(1))
    assert result.updates["episodes"].tolist() == [4, 8, 12, 16, 20]


def test_the_linear_schedule_falls_to_zero():
    """alpha (1 - spent / budget)."""
    optimizer = OptimizerSpecification("sgd", 0.1, "linear")
    rates = train(specification(optimizer=optimizer), 0).updates["learning_rate"]
    assert rates == pytest.approx([0.1, 0.08, 0.06, 0.04, 0.02])


@pytest.mark.parametrize(
    ("environment", "policy", "rate", "reason"),
    [
        ({}, (8,), 3e38, "weights are not finite"),
        ({"fault": "none"}, (), 1e36, "outputs are not finite"),
        ({"fault": "huge"}, (), 1e-3, "gradient is not a finite number"),
        ({}, (64,), 1e6, "every action probability 1"),
        ({"continuous": True}, (), 1e37, "not finite"),
    ],
)
def test_a_run_out_of_hand_stops_and_says_why(environment, policy, rate, reason):
    """It keeps its curve up to there, and the update is named (case 25)."""
    spec = specification(
        optimizer=OptimizerSpecification("sgd", rate, "constant"),
        policy=PolicySpecification(hidden=policy),
        budget=Budget("updates", 50),
    )
    if environment:
        broken = EnvironmentSpecification("test/Broken-v0", environment, 20)
        spec = replace(spec, environment=broken)
    result = train(spec, 0)
    assert result.status == "diverged"
    assert reason in result.reason
    assert len(result.updates["update"]) <= result.stopped_at < 50
    assert len(result.evaluation["final"]) == 0


def test_a_learned_baseline_out_of_hand_is_named():
    """The policy's learning rate is not to blame."""
    value = ValueSpecification(1e30)
    how = EstimatorSpecification(baseline="learned", value=value)
    result = train(specification(estimator=how), 0)
    assert result.status == "diverged"
    assert "learned baseline" in result.reason


def test_a_certain_policy_is_not_a_diverged_one():
    """A table may be sure in one state and still learn in another."""
    lake = EnvironmentSpecification("FrozenLake-v1", {"is_slippery": False}, 20)
    spec = specification(
        environment=lake,
        policy=PolicySpecification(),
        optimizer=OptimizerSpecification("sgd", 300.0, "constant"),
        budget=Budget("updates", 200),
    )
    result = train(spec, 1)
    assert result.status == "finished"
    assert abs(result.policy["layer0.weight"]).max() > 100


def test_a_stuck_run_is_not_a_diverged_one():
    """Equal returns leave nothing to weigh: the gradient is 0, and that is reported."""
    broken = EnvironmentSpecification("test/Broken-v0", {}, 20)
    how = EstimatorSpecification(baseline="leave-one-out")
    result = train(specification(environment=broken, estimator=how), 0)
    assert result.status == "finished"
    assert (result.updates["gradient_norm"] == 0).all()


@pytest.mark.parametrize("vectorize", [False, True, "envpool"])
def test_every_kind_of_parallel_environments_gives_repeatable_runs(vectorize):
    """And is part of what a run is."""
    if vectorize == "envpool":
        pytest.importorskip("envpool", reason="pip install -r requirements-extras.lock")
    environment = EnvironmentSpecification("CartPole-v1", {}, 500, vectorize)
    spec = specification(environment=environment)
    assert train(spec, 0).digest() == train(spec, 0).digest()
    if vectorize:
        assert train(spec, 0).digest() != train(specification(), 0).digest()


def test_normalised_observations_are_saved_and_fixed_within_a_batch():
    """The statistics count every step of training, and of training only."""
    policy = PolicySpecification(hidden=(8,), normalise_observations=True)
    result = train(specification(policy=policy), 0)
    steps = result.updates["env_steps"][-1]
    assert result.policy["observations.count"] == steps
    assert (result.policy["observations.scale"] != 1).all()


def test_the_specification_survives_json():
    """What travels to a training process is what was planned."""
    value = ValueSpecification(0.1, hidden=(4, 4))
    spec = specification(
        estimator=EstimatorSpecification("to-go", 0.9, "biased", "learned", value=value)
    )
    assert RunSpecification.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_no_two_runs_of_a_study_share_a_first_observation():
    """Seeds, N, list or vector: all streams are their own (case 14)."""
    starts = set()
    for n, seed, vectorize in itertools.product((1, 4), range(20), (False, True)):
        environment = EnvironmentSpecification("CartPole-v1", {}, 500, vectorize)
        trainer = Trainer(specification(n=n, environment=environment), seed)
        starts |= {tuple(row) for row in trainer.sampler.sample().inputs[:n].tolist()}
    assert len(starts) == 2 * 20 * (1 + 4)


def test_no_evaluation_leaves_training_as_it_is():
    """Evaluation has streams of its own; E = 0 turns it off."""
    with_it = train(specification(), 0)
    without = train(specification(evaluation_episodes=0), 0)
    assert len(with_it.evaluation["final"]) == 3
    assert len(without.evaluation["final"]) == 0


def test_cells_with_the_same_seed_have_streams_of_their_own():
    """Two N, one seed: other first observations, other weights."""
    one = Streams(specification(n=1), 0).training.environments.generate_state(2)
    four = Streams(specification(n=4), 0).training.environments.generate_state(2)
    assert not set(one) & set(four)


def test_reinforce_learns_the_corridor():
    """A bad start is left behind: returns rise towards -11.66 in 3,000 episodes."""
    spec = specification(
        environment=corridor(1000),
        policy=PolicySpecification(),
        n=4,
        estimator=EstimatorSpecification(baseline="leave-one-out"),
        optimizer=OptimizerSpecification("sgd", 2e-3, "constant"),
        budget=Budget("episodes", 3000),
    )
    returns = train(spec, 0).updates["mean_return"]
    assert -12.6 < returns[-300:].mean() < -10.9


def stuck_corridor(**changes):
    """A policy that walks right at every step never leaves the second state."""
    right = PolicySpecification(initial_probabilities=(1e-9, 1 - 1e-9))
    return specification(
        environment=corridor(cap=50), policy=right, evaluation_episodes=0, **changes
    )


def test_an_episode_that_does_not_end_is_the_end_where_the_specification_says_so():
    """The run is stuck, keeps its curve, and spends no more of its budget."""
    result = train(stuck_corridor(stop_when_truncated=True), 0)
    assert (result.status, result.stopped_at) == ("stuck", 1)
    assert "50 steps" in result.reason
    assert result.updates["mean_return"].tolist() == [-50.0]
    assert not result.episodes["terminated"].any()


def test_an_episode_that_does_not_end_is_counted_otherwise():
    """Truncated episodes are ordinary data unless the specification says otherwise."""
    result = train(stuck_corridor(), 0)
    assert (result.status, result.stopped_at) == ("finished", None)
    assert result.updates["truncated_share"].tolist() == [1.0] * 5


def test_a_run_that_ends_its_episodes_is_not_stuck():
    """The rule changes nothing but the random streams of such a run."""
    how = specification(environment=corridor(20_000), stop_when_truncated=True)
    assert train(how, 0).status == "finished"


def test_options_added_later_leave_the_streams_of_other_runs_alone():
    """Streams are spawned from this text: it may never change."""
    assert json.dumps(specification().to_dict(), sort_keys=True) == (
        '{"budget": {"amount": 5, "unit": "updates"}, "environment": {"id": '
        '"CartPole-v1", "kwargs": {}, "max_episode_steps": 500, "module": null, '
        '"vectorize": false}, "estimator": {"baseline": "none", "constant": null, '
        '"credit": "total", "discounting": "unbiased", "entropy": 0.0, "gamma": 1.0, '
        '"normalise": false, "value": null}, "evaluation_episodes": 3, "n": 4, '
        '"optimizer": {"learning_rate": 0.001, "name": "sgd", "schedule": "constant"}, '
        '"policy": {"activation": "tanh", "hidden": [8], "init": "default", "log_std": '
        '0.0, "normalise_observations": false}}'
    )


@pytest.mark.parametrize("normalise", [False, True])
def test_the_policies_of_the_start_and_the_middle_are_kept(normalise):
    """As they were then, whatever came later; the middle is half of the budget."""
    how = PolicySpecification(hidden=(8,), normalise_observations=normalise)
    run = specification(policy=how)
    at = [saved(Trainer(run, 0).policy)]
    kept = train(
        run, 0, after_update=lambda trainer: at.append(saved(trainer.policy))
    ).milestones
    assert {name.partition("/")[0] for name in kept} == {"start", "middle"}
    for milestone, update in ("start", 0), ("middle", 3):
        for name, value in at[update].items():
            assert (kept[f"{milestone}/{name}"] == value.numpy()).all()
    assert not (kept["start/layer0.weight"] == kept["middle/layer0.weight"]).all()


def test_a_run_that_ends_before_the_middle_has_no_policy_of_it():
    """It diverges in its first update."""
    how = OptimizerSpecification("sgd", 1e38, "constant")
    kept = train(specification(optimizer=how), 0).milestones
    assert {name.partition("/")[0] for name in kept} == {"start"}


@pytest.mark.parametrize("environment_id", ["CartPole-v1", "Pendulum-v1"])
def test_the_entropy_of_each_batch_is_logged(environment_id):
    """The policy's before the update, a mean over the states it visited, in nats."""
    environment = EnvironmentSpecification(environment_id, {}, 60)
    trainer = Trainer(specification(environment=environment), 0)
    twin = Trainer(specification(environment=environment), 0)
    expected = []
    for _ in range(3):
        twin.policy.parameters.flat[:] = trainer.policy.parameters.flat
        batch = twin.sampler.sample()
        inputs = torch.from_numpy(batch.inputs)
        outputs = twin.policy.network.torch_outputs(inputs)
        expected.append(twin.policy.entropy(outputs).mean().item())
        trainer.learn(trainer.sampler.sample())
    entropy = trainer.history.updates()["entropy"]
    assert entropy == pytest.approx(expected, rel=1e-5)
    assert len(set(entropy.tolist())) == 3
