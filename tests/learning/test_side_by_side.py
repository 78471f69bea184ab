"""Seeds side by side: the bits of each are those of it alone, whatever is beside it."""

import dataclasses
import functools

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

from pgstudy.learning.rollouts.sampling import MOST_LANES, at_once, training_samplers
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    ValueSpecification,
)
from pgstudy.learning.training import train, train_together
from tests.learning.helpers import specification

VECTOR = EnvironmentSpecification("CartPole-v1", {}, 500, True)
SEEDS = tuple(range(13))
CASES = {
    "one trajectory": {"n": 1, "budget": Budget("env_steps", 2000)},
    "a table's width": {"policy": PolicySpecification(), "n": 5},
    "leave-one-out": {"estimator": EstimatorSpecification(baseline="leave-one-out")},
    "two layers, relu, standardised": {
        "policy": PolicySpecification((16, 8), "relu", normalise_observations=True)
    },
    "learned baseline": {
        "estimator": EstimatorSpecification(
            "to-go", baseline="learned", value=ValueSpecification(1e-2)
        )
    },
    "adam": {"optimizer": OptimizerSpecification("adam", 1e-2, "linear")},
}


def vector(**changes):
    how = {"environment": VECTOR, "budget": Budget("env_steps", 3000)}
    return specification(**how | changes)


def together(spec, seeds, saved=None, after_update=None):
    """By seed."""
    nothing = [None] * len(seeds)
    found = train_together(spec, seeds, saved or nothing, after_update or nothing)
    return {seeds[position]: training for position, training in found}


@pytest.mark.parametrize("case", CASES)
def test_the_bits_of_a_run_do_not_depend_on_its_block(case):
    """Blocks of 1, 7 and 13 seeds; seeds leave the block at different updates."""
    spec = vector(**CASES[case])
    thirteen = together(spec, SEEDS)
    seven = together(spec, SEEDS[3:10])
    assert list(thirteen) != list(SEEDS)  # they ended in another order
    assert len({t.digest() for t in thirteen.values()}) == len(SEEDS)
    for seed in SEEDS[3:10]:
        assert seven[seed].digest() == thirteen[seed].digest()
    for seed in (3, 9):
        assert train(spec, seed).digest() == thirteen[seed].digest()


@pytest.mark.parametrize(
    ("name", "n"), [("CartPole-v1", 1), ("Pendulum-v1", 3), ("FrozenLake-v1", 4)]
)
def test_envpools_lanes_do_not_know_of_each_other(name, n):
    """Two actions, a continuous one, and observations that are shown one-hot."""
    pytest.importorskip("envpool")
    environment = EnvironmentSpecification(name, {}, 60, "envpool")
    spec = vector(environment=environment, n=n, budget=Budget("env_steps", 1500))
    block = together(spec, SEEDS[:7])
    for seed in (0, 6):
        assert train(spec, seed).digest() == block[seed].digest()


def test_a_run_goes_on_from_its_state_in_any_block():
    """Three of five have a state; they go on beside two that begin."""
    spec = vector(n=2)
    states = {}

    def keep(seed, trainer):
        if trainer.spent["updates"] == 3 + seed:
            states[seed] = trainer.state()

    seeds = SEEDS[:5]
    after = [functools.partial(keep, seed) for seed in seeds]
    whole = together(spec, seeds, after_update=after)
    saved = [states[seed] if seed in (0, 2, 4) else None for seed in seeds]
    resumed = together(spec, seeds, saved)
    assert {s: t.digest() for s, t in resumed.items()} == {
        s: t.digest() for s, t in whole.items()
    }
    assert train(spec, 2, states[2]).digest() == whole[2].digest()


def test_a_run_that_diverges_takes_none_along():
    """Two of a Gaussian's runs overflow at their first step, as they would alone."""
    pytest.importorskip("envpool")
    environment = EnvironmentSpecification("Pendulum-v1", {}, 60, "envpool")
    optimizer = OptimizerSpecification("sgd", 3e38, "constant")
    fast = vector(environment=environment, optimizer=optimizer)
    ended = together(fast, SEEDS[:3])
    assert {t.status for t in ended.values()} == {"diverged"}
    for seed in SEEDS[:3]:
        assert train(fast, seed).digest() == ended[seed].digest()

    spec = dataclasses.replace(
        fast, optimizer=OptimizerSpecification("sgd", 1e-6, "constant")
    )

    def break_it(trainer):
        trainer.policy.parameters.flat[:] = 3e38

    broken = together(spec, SEEDS[:3], after_update=[None, break_it, None])
    assert [broken[seed].status for seed in SEEDS[:3]] == [
        "finished",
        "diverged",
        "finished",
    ]
    for seed in (0, 2):
        assert train(spec, seed).digest() == broken[seed].digest()


def test_a_batch_is_that_of_the_environment_stepped_alone():
    """Each lane, replayed in a CartPole of its own: starts, physics and ends."""
    spec = vector(n=3)
    players = training_samplers(spec, SEEDS[:4])
    played, fresh = {}, range(4)
    while len(played) < 4:
        for run, batch in players[0].group.play(fresh):
            played[run] = batch
        fresh = []
    batches = list(played.values())
    assert len({b.inputs[0].tobytes() for b in batches}) == 4
    lane = gymnasium.make("CartPole-v1").unwrapped
    for batch in batches:
        trajectory = np.nonzero(batch.mask)[1]
        for i, length in enumerate(batch.lengths):
            rows = batch.inputs[trajectory == i]
            actions = batch.actions[trajectory == i]
            assert len(rows) == length
            lane.reset(seed=0)
            lane.state = rows[0].astype(np.float64)
            for t, action in enumerate(actions):
                observation, _, terminated, *_ = lane.step(int(action))
                assert terminated == (t == length - 1)
                if not terminated:
                    assert observation == pytest.approx(rows[t + 1], abs=1e-4)


class Slow(CartPoleVectorEnv):
    """Not Gymnasium's own: whether its state is all in view, nobody knows."""


gymnasium.register(
    "test/Slow-v0",
    "gymnasium.envs.classic_control.cartpole:CartPoleEnv",
    vector_entry_point=f"{__name__}:Slow",
)


def test_only_what_is_known_to_be_safe_is_trained_side_by_side():
    """A list has nothing to share; of a vector environment of a user's own, one run."""
    assert at_once(specification()) == 1
    slow = EnvironmentSpecification("test/Slow-v0", {}, 500, True)
    assert at_once(vector(environment=slow)) == 1
    assert at_once(vector(n=4)) == MOST_LANES // 4
    assert at_once(vector(n=3 * MOST_LANES)) == 1
    one, again = (train(vector(environment=slow), 1).digest() for _ in range(2))
    assert one == again
