"""Which environments a study can use."""

import gymnasium
import pytest

from pgstudy.learning import environments
from pgstudy.learning.corridor import ShortCorridor


@pytest.mark.parametrize(
    ("environment_id", "reason"),
    [
        ("NoSuchThing-v1", "doesn't exist"),
        ("CartPole-v0", "outdated; use CartPole-v1"),
        ("Pendulum-v1", "Discrete actions"),
        ("Blackjack-v1", "observations"),
    ],
)
def test_an_unusable_environment_says_why(environment_id, reason):
    """Before any job starts."""
    with pytest.raises(environments.UnusableEnvironment, match=reason):
        environments.check(environment_id, {})


def test_wrong_keyword_arguments_are_refused():
    """The constructor's own complaint is passed on."""
    with pytest.raises(environments.UnusableEnvironment, match="colour"):
        environments.check("CartPole-v1", {"colour": "red"})


def test_a_lane_is_the_bare_environment():
    """No time limit or checker of Gymnasium's: the rollout counts the steps."""
    (lane,) = environments.make_lanes(
        environments.EnvironmentSpecification("CartPole-v1", {}, 500), 1
    )
    assert lane is lane.unwrapped
    assert gymnasium.spec("CartPole-v1").max_episode_steps == 500


def test_the_corridor_swaps_its_second_state():
    """Right, left, right is the way; left in the first state stays there."""
    env = ShortCorridor()
    env.reset()
    assert env.step(0)[:3] == (0, -1.0, False)
    steps = [env.step(action) for action in (1, 0, 1)]
    assert [s[1] for s in steps] == [-1.0, -1.0, -1.0]
    assert [s[2] for s in steps] == [False, False, True]
