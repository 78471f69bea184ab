"""Exact returns against formulas and values found by enumeration."""

import gymnasium
import numpy as np
import pytest

from pgstudy.analysis.gradients import exact
from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.environments.faults import UnusableEnvironment


@pytest.fixture(scope="module")
def corridor():
    return exact.model("ShortCorridor-v0")


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.8, 0.95])
def test_the_corridor_has_its_closed_form(corridor, p):
    """J(p) = (2p - 4) / (p (1 - p)) (Sutton & Barto 2018, Example 13.1)."""
    closed = (2 * p - 4) / (p * (1 - p))
    assert exact.return_at(corridor, 1, p) == pytest.approx(closed, abs=1e-9)
    assert exact.return_at(corridor, 0, 1 - p) == pytest.approx(closed, abs=1e-9)


def test_the_best_probability_on_the_corridor(corridor):
    """p* = 2 - sqrt 2 and J* = -(6 + 4 sqrt 2)."""
    p, value = exact.best(corridor, 1)
    assert p == pytest.approx(2 - np.sqrt(2), abs=1e-6)
    assert value == pytest.approx(-(6 + 4 * np.sqrt(2)), abs=1e-9)


def test_the_corridors_table_is_how_it_steps():
    """`P` and `step` say the same, with reward -1 on the last step too."""
    for state, row in ShortCorridor.P.items():
        for action, ((probability, after, reward, terminated),) in row.items():
            environment = ShortCorridor()
            environment.reset()
            environment.state = state
            _, found, over, _, _ = environment.step(action)
            assert probability == 1
            assert (environment.state, found, over) == (after, reward, terminated)
            assert reward == -1


def test_a_stochastic_model_and_a_policy_per_state():
    """FrozenLake: the uniform policy's J, found by enumeration; the optimum, 14/17."""
    lake = exact.model("FrozenLake-v1")
    uniform = np.full(4, 0.25)
    # with the limit of 100 steps it is .0139397962; few episodes reach that
    assert exact.expected_return(lake, uniform) == pytest.approx(0.01394, abs=1e-5)
    left, down, right, up = np.eye(4)
    best = [left, up, up, up, left, left, left, left]
    best += [up, down, left, left, left, right, down, left]
    policy = np.array(best)
    assert exact.expected_return(lake, policy) == pytest.approx(14 / 17, abs=1e-9)


def test_an_environment_without_a_model_is_said_to_have_none():
    """Physics has no table."""
    assert not hasattr(gymnasium.make("CartPole-v1").unwrapped, "P")
    with pytest.raises(UnusableEnvironment, match="no table P"):
        exact.model("CartPole-v1")


def test_a_policy_that_never_ends_an_episode_has_no_return(corridor):
    """Always left stays in the first state."""
    assert np.isnan(exact.return_at(corridor, 1, 0.0))
