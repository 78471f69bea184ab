"""Which environments a study can use."""

import subprocess
import sys

import gymnasium
import pytest

from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.making import make
from pgstudy.learning.environments.trial import check
from pgstudy.learning.specification import EnvironmentSpecification


def checked(environment_id, vectorize=False, **kwargs):
    return check(EnvironmentSpecification(environment_id, kwargs, 100, vectorize))


@pytest.mark.parametrize(
    ("environment_id", "reason"),
    [
        ("NoSuchThing-v1", "doesn't exist"),
        ("CartPole-v0", "outdated; use CartPole-v1"),
        ("test/Text-v0", r"observations are Dict\("),
        ("test/Sequence-v0", r"observations are Sequence\("),
        ("test/Whole-v0", r"actions are Box\("),
        ("test/Lists-v0", r"actions are Tuple\("),
    ],
)
def test_an_unusable_environment_says_why(environment_id, reason):
    """Before any job starts, with the space that is in the way."""
    with pytest.raises(UnusableEnvironment, match=reason):
        checked(environment_id)


class Spaces(gymnasium.Env):
    def __init__(self, observations, actions):
        self.observation_space, self.action_space = observations, actions

    def reset(self, seed=None, options=None):
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, True, False, {}


BOX, TWO = gymnasium.spaces.Box(0, 1, (2,)), gymnasium.spaces.Discrete(2)
UNUSABLE = {
    "test/Text-v0": (gymnasium.spaces.Dict(a=BOX, b=gymnasium.spaces.Text(3)), TWO),
    "test/Sequence-v0": (gymnasium.spaces.Sequence(BOX), TWO),
    "test/Whole-v0": (BOX, gymnasium.spaces.Box(0, 3, (2,), int)),
    "test/Lists-v0": (BOX, gymnasium.spaces.Tuple([TWO, TWO])),
}
for name, both in UNUSABLE.items():
    gymnasium.register(name, lambda both=both: Spaces(*both))
gymnasium.register(
    "test/Picture-v0", lambda: Spaces(gymnasium.spaces.Box(0, 1, (2, 3)), TWO)
)


def test_wrong_keyword_arguments_are_refused():
    """The constructor's own complaint is passed on."""
    with pytest.raises(UnusableEnvironment, match="colour"):
        checked("CartPole-v1", colour="red")


@pytest.mark.parametrize(
    ("environment_id", "vectorize", "reason"),
    [
        ("Acrobot-v1", True, "no vector environment is registered"),
        ("ShortCorridor-v0", "envpool", "envpool does not have it"),
    ],
)
def test_a_vector_environment_that_is_not_there_is_refused(
    environment_id, vectorize, reason
):
    """Rather than stepping a list in its place."""
    pytest.importorskip("envpool", reason="pip install -r requirements-extras.lock")
    with pytest.raises(UnusableEnvironment, match=reason):
        checked(environment_id, vectorize)


def test_observations_of_any_box_are_flattened():
    """And integers shown one-hot."""
    assert checked("test/Picture-v0").inputs == 6
    assert checked("FrozenLake-v1").inputs == 16
    assert checked("FrozenLake-v1").one_hot


def test_an_environment_is_bare():
    """No time limit or checker of Gymnasium's: the rollout counts the steps."""
    env = make(EnvironmentSpecification("CartPole-v1", {}, 500))
    assert env is env.unwrapped
    assert gymnasium.spec("CartPole-v1").max_episode_steps == 500


def test_the_corridor_swaps_its_second_state():
    """Right, left, right is the way; left in the first state stays there."""
    env = ShortCorridor()
    env.reset()
    assert env.step(0)[:3] == (0, -1.0, False)
    steps = [env.step(action) for action in (1, 0, 1)]
    assert [s[1] for s in steps] == [-1.0, -1.0, -1.0]
    assert [s[2] for s in steps] == [False, False, True]


def test_a_module_may_register_an_id_anew(tmp_path, monkeypatch):
    """A job has to import it just as the plan did."""
    text = "import gymnasium as g\ng.register('FrozenLake8x8-v1', lambda: 1)"
    (tmp_path / "anew_envs.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    kept = gymnasium.registry["FrozenLake8x8-v1"]
    environments.facts.cache_clear()
    with pytest.warns(UserWarning, match="Overriding"):
        environments.load_module("anew_envs")
    assert environments.facts("FrozenLake8x8-v1").module == "anew_envs"
    gymnasium.registry["FrozenLake8x8-v1"] = kept
    environments.facts.cache_clear()
    environments._registered_by.clear()


MODULE = """
import gymnasium
from pgstudy.learning.environments.corridor import ShortCorridor
gymnasium.register("toy/Own-v0", ShortCorridor, max_episode_steps=7)
"""


def test_a_module_in_the_working_directory_registers_environments(tmp_path):
    """Namespaced ids too, and the module that did it is known."""
    (tmp_path / "own_envs.py").write_text(MODULE)
    code = (
        "from pgstudy.learning.environments import registry as e\n"
        "e.load_module('own_envs'); print(e.facts('toy/Own-v0'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "max_episode_steps=7" in done.stdout, done.stderr
    assert "module='own_envs'" in done.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [("import no_such_thing", "No module named"), ("1 / 0", "ZeroDivisionError")],
)
def test_a_module_that_fails_says_why(tmp_path, monkeypatch, text, reason):
    """By name, with its own error."""
    (tmp_path / "bad_envs.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(UnusableEnvironment, match=f"bad_envs.*{reason}"):
        environments.load_module("bad_envs")
