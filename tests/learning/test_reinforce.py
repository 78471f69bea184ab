"""Whole runs: bits, budgets, divergence, and the update against a double loop."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from pgstudy.learning.reinforce import _Trainer, train
from pgstudy.learning.specification import Budget, OptimizerSpecification
from pgstudy.learning.streams import Streams
from tests.learning.helpers import corridor, specification

DIGEST = """
from tests.learning.helpers import specification
from pgstudy.learning.reinforce import train
print(train(specification(hidden=(444,)), 3).digest())
"""


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    """Two trainings in one process, with another one between them."""
    first = train(specification(), 0).digest()
    assert train(specification(), 1).digest() != first
    assert train(specification(), 0).digest() == first


@pytest.mark.parametrize(
    "variables", [{"OMP_NUM_THREADS": "8"}, {"PYTHONHASHSEED": "7"}]
)
def test_the_bits_do_not_depend_on_the_shell(variables):
    """Hidden width 444: more threads would show (case 3)."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"} | extra,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for extra in ({}, variables)
    }
    assert len(digests) == 1


def test_an_update_is_the_formula_as_written():
    """theta' = theta + alpha 1/N sum_i (sum_t grad log pi)(sum_t r), by double loop."""
    spec = specification(n=3, budget=Budget("updates", 1))
    trainer = _Trainer(spec, 0)
    before = [p.detach().clone() for p in trainer.policy.parameters]
    batch = trainer.sampler.sample(trainer.policy)
    found = trainer._gradient(batch)
    expected = [torch.zeros_like(p) for p in before]
    for i in range(3):
        for step in np.flatnonzero(batch.lanes == i):
            row = torch.from_numpy(batch.inputs[step : step + 1])
            log_prob = trainer.policy.log_probs(row)[0, batch.actions[step]]
            for total, part in zip(
                expected,
                torch.autograd.grad(log_prob, trainer.policy.parameters),
                strict=True,
            ):
                total += part * float(batch.returns[i]) / 3
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-4, atol=1e-3)

    trained = train(spec, 0).policy.values()
    for after, start, gradient in zip(trained, before, found, strict=True):
        assert torch.allclose(after, start + 1e-3 * gradient, atol=1e-6)


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


def test_a_run_that_is_not_finite_stops_and_keeps_its_curve():
    """Status diverged names the update (case 25)."""
    spec = specification(optimizer=OptimizerSpecification("sgd", 3e38, "constant"))
    result = train(spec, 0)
    assert result.status == "diverged"
    assert result.diverged_at == len(result.updates["update"])
    assert len(result.evaluation["final"]) == 0


def test_no_evaluation_leaves_training_as_it_is():
    """Evaluation has streams of its own; E = 0 turns it off."""
    with_it = train(specification(), 0)
    without = train(specification(evaluation_episodes=0), 0)
    assert len(with_it.evaluation["final"]) == 3
    assert len(without.evaluation["final"]) == 0


def test_cells_with_the_same_seed_have_streams_of_their_own():
    """Two N, one seed: other first observations, other weights."""
    one = Streams(specification(n=1), 0).environments.generate_state(2)
    four = Streams(specification(n=4), 0).environments.generate_state(2)
    assert not set(one) & set(four)


def test_reinforce_learns_the_corridor():
    """A bad start is left behind: returns rise towards -11.66 in 3,000 episodes."""
    spec = specification(
        environment=corridor(1000),
        hidden=(),
        n=4,
        baseline="leave-one-out",
        optimizer=OptimizerSpecification("sgd", 2e-3, "constant"),
        budget=Budget("episodes", 3000),
    )
    returns = train(spec, 0).updates["mean_return"]
    assert -12.6 < returns[-300:].mean() < -10.9
