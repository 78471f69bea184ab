"""What an environment hands out is taken at once: it may overwrite it later."""

from decimal import Decimal
from fractions import Fraction

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from pgstudy.learning.environments.faults import EnvironmentFault
from tests.learning.helpers import sampler

WAYS = {
    "one array": lambda env: env.paid,
    "a scalar array": lambda env: env.paid.reshape(()),
    "by turns": lambda env: [np.array([env.steps * 1.0]), env.steps][env.steps % 2],
    "float32": lambda env: np.float32(env.steps),
    "a matrix of one": lambda env: [[env.steps]],
    "tensor": lambda env: torch.tensor(env.steps),
    "decimal": lambda env: Decimal(env.steps),
    "fraction": lambda env: Fraction(env.steps),
    "none": lambda env: None,
    "two": lambda env: np.array([1.0, 2.0]),
    "text": lambda env: "3",
    "complex": lambda env: np.complex128(1),
}
NO_NUMBERS = ("none", "two", "text", "complex")


class Payer(gymnasium.Env):
    """Pays 1, 2, 3 and shows the steps so far, in arrays that it overwrites."""

    observation_space = spaces.Box(-1, 9, (2,), np.float64)
    action_space = spaces.Discrete(2)

    def __init__(self, way="one array", wide=False):
        self.way = WAYS[way]
        self.shown, self.paid = np.zeros(2), np.zeros(1)
        self.wide, self.info = wide, {}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.shown[:] = 0
        return self.shown, self.info

    def step(self, action):
        self.steps += 1
        self.shown[:] = self.paid[:] = self.steps
        shown = self.shown[:1] if self.wide else self.shown
        return shown, self.way(self), np.array([self.steps == 3]), False, self.info


gymnasium.register("test/Payer-v0", Payer)


@pytest.mark.parametrize("way", [w for w in WAYS if w not in NO_NUMBERS])
def test_a_reward_counts_as_it_was_when_it_was_paid(way):
    """1 + 2 + 3 = 6, whatever type the numbers have and whoever owns them."""
    batch = sampler("test/Payer-v0", n=2, way=way).sample()
    assert batch.returns.tolist() == [6, 6]
    assert batch.rewards.tolist() == [[1, 1], [2, 2], [3, 3]]
    assert batch.inputs.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1], [2, 2], [2, 2]]
    assert batch.terminated.all()


@pytest.mark.parametrize("way", NO_NUMBERS)
def test_a_reward_that_is_not_a_number_is_said(way):
    """Several numbers are none either."""
    with pytest.raises(EnvironmentFault, match="gave a reward that is not a number"):
        sampler("test/Payer-v0", n=1, way=way).sample()


def test_a_later_observation_of_another_shape_is_refused():
    """One number would be broadcast over all features."""
    with pytest.raises(EnvironmentFault, match=r"observation of shape \(1,\)"):
        sampler("test/Payer-v0", n=1, wide=True).sample()


class VectorPayer(gymnasium.vector.VectorEnv):
    """The same, N at once; number i ends after 3 + i steps. Ends are 0 and 1."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, num_envs=1, max_episode_steps=None, way="one array"):
        self.num_envs, self.way = num_envs, way
        self.single_observation_space = spaces.Box(-1, 9, (2,), np.float64)
        self.single_action_space = spaces.Discrete(2)
        batch = gymnasium.vector.utils.batch_space
        self.observation_space = batch(self.single_observation_space, num_envs)
        self.action_space = batch(self.single_action_space, num_envs)
        self.shown, self.paid = np.zeros((num_envs, 2)), np.zeros(num_envs)
        self.over, self.cut = np.zeros((2, num_envs), np.int64)
        self.kept = None

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.shown[:] = 0
        return self.shown, {}

    def step(self, actions):
        if self.kept is not None:
            assert (self.kept[0] == self.kept[1]).all()  # what it was handed is its own
        self.kept = actions, actions.copy()
        self.steps += 1
        self.shown[:] = self.paid[:] = self.steps
        self.over[:] = self.steps >= 3 + np.arange(self.num_envs)
        paid = self.paid[:, None] if self.way == "column" else self.paid
        paid = paid.astype(str) if self.way == "text" else paid
        return self.shown, paid, self.over, self.cut, {}


gymnasium.register("test/PayerVector-v0", Payer, vector_entry_point=VectorPayer)


@pytest.mark.parametrize("way", ["one array", "column"])
def test_that_holds_for_vector_environments(way):
    """Rewards, observations and ends are arrays of the environment's own."""
    made = sampler("test/PayerVector-v0", n=3, vectorize=True, way=way)
    for _ in range(2):
        batch = made.sample()
        assert batch.returns.tolist() == [6, 10, 15]
        assert batch.lengths.tolist() == [3, 4, 5]
        shown = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]
        assert batch.inputs[:, 0].tolist() == shown
        assert batch.terminated.all()


def test_a_vector_of_texts_is_no_rewards():
    """Though numpy would read them."""
    with pytest.raises(EnvironmentFault, match="gave a reward that is not a number"):
        sampler("test/PayerVector-v0", n=3, vectorize=True, way="text").sample()
