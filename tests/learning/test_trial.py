"""What one reset and one step tell of an environment, before any job starts."""

import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.trial import check
from pgstudy.learning.specification import EnvironmentSpecification

SEEN = np.zeros(2, np.float32)


class Form(gymnasium.Env):
    """Of the right form, but for what subclasses do."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2, start=5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return SEEN, {}

    def step(self, action):
        assert self.action_space.contains(action)
        return SEEN, 1.0, False, False, {}


def registered(**methods):
    """The id of a `Form` with other methods."""
    gymnasium.registry.pop("trial/Form-v0", None)
    kind = type("Other", (Form,), methods)
    gymnasium.register("trial/Form-v0", kind, max_episode_steps=9)
    return EnvironmentSpecification("trial/Form-v0", {}, 9)


def leave(self, action):
    sys.exit(3)


WRONG = {
    "no seed": (
        {"reset": lambda self: (SEEN, {})},
        "reset raised TypeError: .*'seed'; write it for Gymnasium's interface",
    ),
    "no info": (
        {"reset": lambda self, seed=None: SEEN},
        "its reset gives one value and must give 2; write it for Gymnasium",
    ),
    "four": (
        {"step": lambda self, action: (SEEN, 1.0, False, {})},
        "its step gives 4 values and must give 5; write it .* terminated, trunc",
    ),
    "shape": (
        {"step": lambda self, action: (SEEN[:1], 1.0, False, False, {})},
        r"its step gives an observation of shape \(1,\), and its space says",
    ),
    "start": (
        {"reset": lambda self, seed=None: (np.zeros((2, 2)), {})},
        r"its reset gives an observation of shape \(2, 2\)",
    ),
    "nan": (
        {"step": lambda self, action: (SEEN + np.nan, 1.0, False, False, {})},
        "its step gives a non-finite observation",
    ),
    "text": (
        {"reset": lambda self, seed=None: ("here", {})},
        "its reset gives a str to observe",
    ),
    "reward": (
        {"step": lambda self, action: (SEEN, None, False, False, {})},
        "gave a reward that is not a number: None",
    ),
    "infinite": (
        {"step": lambda self, action: (SEEN, -np.inf, False, False, {})},
        "its step gives the reward -inf",
    ),
    "ends": (
        {"step": lambda self, action: (SEEN, 1, np.zeros(2, bool), False, {})},
        "its step gives array.* for terminated",
    ),
    "raise": ({"step": lambda self, action: [][0]}, "its step raised IndexError"),
    "leave": ({"step": leave}, "its step raised SystemExit: 3"),
}


def test_an_environment_of_the_right_form_passes():
    """Actions are the environment's own; nothing is asked of a registered one."""
    assert check(registered()).inputs == 2


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_before_any_job(wrong):
    """By the call that shows it, and what it must give."""
    methods, words = WRONG[wrong]
    with pytest.raises(UnusableEnvironment, match=words):
        check(registered(**methods))


class Vector(gymnasium.vector.VectorEnv):
    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, num_envs, max_episode_steps, states):
        self.num_envs, self.states = num_envs, states
        self.single_observation_space = spaces.Discrete(3)
        self.single_action_space = spaces.Box(-1, 1, (2,), np.float32)
        batch = gymnasium.vector.utils.batch_space
        self.observation_space = batch(self.single_observation_space, num_envs)
        self.action_space = batch(self.single_action_space, num_envs)

    def reset(self, seed=None, options=None):
        return np.zeros(self.num_envs, np.int64), {}

    def step(self, actions):
        assert self.action_space.contains(actions)
        ends = np.zeros((2, self.num_envs), bool)
        seen = np.full(self.num_envs, self.states)
        return seen, np.ones(self.num_envs), *ends, {}


class Plain(Form):
    observation_space = spaces.Discrete(3)
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, states):
        pass


gymnasium.register("trial/Vector-v0", Plain, vector_entry_point=Vector)


def test_a_vector_environment_is_tried_as_one():
    """It is what the run will step; a state outside would wrap around."""
    good = EnvironmentSpecification("trial/Vector-v0", {"states": 2}, 9, True)
    assert check(good).inputs == 3
    bad = EnvironmentSpecification("trial/Vector-v0", {"states": -1}, 9, True)
    with pytest.raises(UnusableEnvironment, match="gave observation -1"):
        check(bad)


@pytest.mark.parametrize(
    ("name", "vectorize"),
    [
        ("CartPole-v1", False),
        ("CartPole-v1", True),
        ("Pendulum-v1", False),
        ("Taxi-v4", False),
        ("FrozenLake-v1", False),
        ("ShortCorridor-v0", False),
    ],
)
def test_gymnasiums_own_pass(name, vectorize):
    """With what their types and shapes happen to be."""
    check(EnvironmentSpecification(name, {}, 9, vectorize))


def study(identifier):
    return {
        "study": "named",
        "seeds": 1,
        "sample_counts": [2],
        "environments": [{"id": identifier, "kwargs": {}}],
        "estimators": [{"name": "total-return"}],
        "defaults": {"updates": 1, "optimizer": {"learning_rate": 0.1}},
    }


MODULE = """
import gymnasium
from pgstudy.learning.environments.corridor import ShortCorridor
gymnasium.register("Named-v0", ShortCorridor, max_episode_steps=7)
"""


def test_an_id_may_name_its_module(tmp_path, monkeypatch):
    """As in `gymnasium.make`; the module's code is part of what the run is."""
    (tmp_path / "named_envs.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (cell,) = load_study(study("named_envs:Named-v0")).cells
    assert cell.environment == "Named-v0"
    made = cell.specification.environment
    assert (made.id, made.module, made.max_episode_steps) == (
        "Named-v0",
        "named_envs",
        7,
    )
    assert "code" in cell.identity.facts()
    with pytest.raises(ConfigError, match="register: module nowhere can't be imported"):
        load_study(study("nowhere:Other-v0"))


@pytest.mark.parametrize("wrong", ["CartPole", "a b-v0", "two:mods:Env-v0", "../x-v1"])
def test_a_refused_id_is_told_what_an_id_looks_like(wrong):
    """Not by a regular expression."""
    with pytest.raises(ConfigError) as refused:
        load_study(study(wrong))
    words = f"environments[0].id: '{wrong}' is not an environment's id, which ends in"
    assert words in str(refused.value)
    assert "my_module:Own-v0" in str(refused.value)
    assert "pattern" not in str(refused.value)
