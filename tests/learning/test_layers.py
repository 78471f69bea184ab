"""A run is resumed only where every layer of its environment is known to forget."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces, wrappers
from gymnasium.envs.registration import WrapperSpec

from pgstudy.learning.environments.layers import FORGETFUL
from pgstudy.learning.environments.making import make
from pgstudy.learning.environments.trial import check
from pgstudy.learning.specification import EnvironmentSpecification, PolicySpecification
from pgstudy.learning.training import train
from tests.learning.helpers import sampler, specification
from tests.learning.test_checkpoint import assert_same_bits

CARTPOLE = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
PENDULUM = "gymnasium.envs.classic_control.pendulum:PendulumEnv"


class Remembering(gymnasium.Wrapper, gymnasium.utils.RecordConstructorArgs):
    """Pays by the number of the episode."""

    def __init__(self, env):
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.episodes = 0

    def reset(self, **how):
        self.episodes += 1
        return self.env.reset(**how)

    def step(self, action):
        observation, _, *rest = self.env.step(action)
        return observation, float(self.episodes), *rest


def own(kind, **kwargs):
    return WrapperSpec(kind.__name__, f"{__name__}:{kind.__name__}", kwargs)


def theirs(name, **kwargs):
    return WrapperSpec(name, f"gymnasium.wrappers:{name}", kwargs)


def patched():
    env = gymnasium.make("CartPole-v1").unwrapped
    seen, step = [], env.step

    def remember(action):
        seen.append(action)
        observation, _, *rest = step(action)
        return observation, float(len(seen)), *rest

    env.step = remember
    return env


REMEMBER = {
    "own": [own(Remembering)],
    "between": [own(Remembering), theirs("TimeLimit", max_episode_steps=50)],
    "observation": [theirs("NormalizeObservation")],
    "reward": [theirs("NormalizeReward")],
    "statistics": [theirs("RecordEpisodeStatistics")],
    "buffer": [theirs("MaxAndSkipObservation", skip=2)],
    "function": [theirs("TransformReward", func=lambda r: r)],
}
FORGET = {
    "limit": [theirs("TimeLimit", max_episode_steps=50)],
    "sticky": [theirs("StickyAction", repeat_action_probability=0.3)],
    "repeat": [theirs("RepeatAction", num_repeats=2)],
    "delay": [theirs("DelayObservation", delay=2)],
    "time": [theirs("TimeAwareObservation")],
    "stack": [
        theirs("FrameStackObservation", stack_size=3),
        theirs("FlattenObservation"),
    ],
    "several": [
        theirs("OrderEnforcing"),
        theirs("ClipReward", min_reward=0.0),
        theirs("DtypeObservation", dtype=np.float64),
    ],
}
for group in (REMEMBER, FORGET):
    for name, specs in group.items():
        entry = CARTPOLE
        if name == "several":
            entry = "gymnasium.envs.classic_control.acrobot:AcrobotEnv"
        gymnasium.register(f"layers/{name}-v0", entry, additional_wrappers=tuple(specs))
gymnasium.register("layers/patched-v0", patched)


def run(name, **changes):
    environment = EnvironmentSpecification(f"layers/{name}-v0", {}, 60)
    return specification(environment=environment, **changes)


def snapshots(name):
    kept = []
    train(run(name), 0, None, lambda trainer: kept.append(trainer.state()))
    return kept


@pytest.mark.parametrize("name", [*REMEMBER, "patched"])
def test_a_layer_that_may_remember_forbids_a_checkpoint(name):
    """Wherever it sits, and though the environment below it is Gymnasium's."""
    assert snapshots(name) == [None] * 5


@pytest.mark.parametrize("name", FORGET)
def test_layers_that_forget_are_resumed_to_the_same_bits(name):
    """Those of Gymnasium's wrappers that bring nothing to the next episode."""
    assert all(snapshots(name))
    assert_same_bits(run(name))


def test_the_wrappers_known_to_forget_exist():
    """And the base classes that take a user's function are not among them."""
    assert all(hasattr(wrappers, name) for name in FORGETFUL)
    assert not {"TransformAction", "TransformObservation"} & FORGETFUL


class Sampling(gymnasium.Wrapper):
    """Has a space of its own; the environment below draws from its own, too."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, **how):
        _, info = self.env.reset(**how)
        inner = self.env.observation_space.sample()
        return np.array([inner, self.observation_space.sample()[0]], np.float32), info

    def step(self, action):
        return self.reset()[0], *self.env.step(action)[1:]


class Coin(gymnasium.Env):
    observation_space, action_space = spaces.Discrete(99), spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        return 0, {}

    def step(self, action):
        return 0, 1.0, self.np_random.random() < 0.0, True, {}


gymnasium.register("layers/Coin-v0", lambda: Sampling(Coin()))


def test_the_spaces_of_every_layer_are_seeded():
    """Or an environment that draws from them would never repeat."""
    one, two = (sampler("layers/Coin-v0", n=3).sample().inputs for _ in range(2))
    assert (one == two).all()
    assert len(set(one[:, 0].tolist())) == 3


class Asking(gymnasium.Wrapper, gymnasium.utils.RecordConstructorArgs):
    """Shows the share of the episode that is left; asks for the limit when made."""

    def __init__(self, env):
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.limit = env.spec.max_episode_steps
        self.observation_space = spaces.Box(0, 1, (1,), np.float32)

    def reset(self, **how):
        self.left = self.limit
        return np.ones(1, np.float32), self.env.reset(**how)[1]

    def step(self, action):
        self.left -= 1
        seen = np.array([self.left / self.limit], np.float32)
        return seen, *self.env.step(action)[1:]


gymnasium.register(
    "layers/Asking-v0",
    PENDULUM,
    max_episode_steps=200,
    additional_wrappers=(own(Asking),),
)


def test_a_wrapper_may_ask_for_the_step_limit():
    """It is the study's; no wrapper of Gymnasium's counts the steps beside us."""
    asked = EnvironmentSpecification("layers/Asking-v0", {}, 8)
    assert check(asked).inputs == 1
    made = make(asked)
    assert (made.spec.max_episode_steps, made.limit) == (8, 8)
    assert not isinstance(made.env, wrappers.TimeLimit)
    batch = sampler("layers/Asking-v0", n=1, cap=8, policy=PolicySpecification())
    batch = batch.sample()
    assert batch.lengths.tolist() == [8]
    assert batch.inputs[:, 0].tolist() == [1 - i / 8 for i in range(8)]
    time = EnvironmentSpecification("layers/time-v0", {}, 8)
    assert make(time).observation_space.high[-1] == 8
    assert gymnasium.spec("layers/Asking-v0").max_episode_steps == 200
