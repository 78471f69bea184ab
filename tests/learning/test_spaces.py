"""Spaces of several parts and wrappers by name, from observation to gradient."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from pgstudy.learning.environments.faults import (
    EnvironmentFault,
    UnusableEnvironment,
)
from pgstudy.learning.environments.making import make
from pgstudy.learning.environments.spaces import layout
from pgstudy.learning.environments.trial import check
from pgstudy.learning.estimators.gradients import gradient_by_autograd
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import estimate, specification

SEVERAL = spaces.Dict(
    {
        "place": spaces.Discrete(3, start=-1),
        "keys": spaces.MultiBinary(2),
        "speeds": spaces.Tuple([spaces.Box(-1, 1, (2,)), spaces.MultiDiscrete([2, 3])]),
    }
)


class Locks(gymnasium.Env):
    """Shows three digits; turning each lock to its digit pays 1."""

    def __init__(self, kind="discrete", start=0):
        if kind == "binary":
            self.action_space = spaces.MultiBinary(3)
        else:
            self.action_space = spaces.MultiDiscrete([2, 3, 4], start=[start] * 3)
        sizes = [2] * 3 if kind == "binary" else [2, 3, 4]
        self.start = start
        self.observation_space = spaces.MultiDiscrete(sizes, start=[5] * 3)

    def look(self):
        sizes = self.observation_space.nvec
        self.digits = np.array([self.np_random.integers(n) for n in sizes])
        return self.digits + 5

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 4
        return self.look(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.left -= 1
        pay = float((action - self.start == self.digits).sum())
        return self.look(), pay, self.left == 0, False, {}


class Parts(gymnasium.Env):
    """Observations of several parts, or one that is not among them."""

    observation_space, action_space = SEVERAL, spaces.Discrete(2)

    def __init__(self, wrong=None):
        self.wrong, self.steps = wrong, 0

    def look(self):
        place = np.int64(7 if self.steps == self.wrong else self.steps % 3 - 1)
        keys = np.array([0, self.steps % 2], np.int8)
        speeds = (np.full(2, 0.5, np.float32), np.array([1, 2]))
        return {"place": place, "keys": keys, "speeds": speeds}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.look(), {}

    def step(self, action):
        self.steps += 1
        return self.look(), float(action), self.steps == 5, False, {}


gymnasium.register("test/Locks-v0", Locks)
gymnasium.register("test/Parts-v0", Parts)


def environment(name, cap=10, **kwargs):
    return EnvironmentSpecification(f"test/{name}-v0", kwargs, cap)


def test_parts_are_flattened_as_gymnasium_does():
    """In the order of its flatten: a Dict's keys are sorted, integers are one-hot."""
    found = layout(SEVERAL, spaces.Discrete(2))
    assert found.inputs == spaces.flatdim(SEVERAL) == 2 + 3 + 2 + 5
    made = Parts()
    observation, _ = made.reset()
    row = np.empty(found.inputs)
    found.write(observation, row)
    assert row.tolist() == [0, 0, 1, 0, 0, 0.5, 0.5, 0, 1, 0, 0, 1]


def test_an_observation_outside_of_its_space_fails_the_run():
    """Gymnasium would show another one in its place, or raise an IndexError."""
    with pytest.raises(UnusableEnvironment, match="not in its space"):
        check(environment("Parts", wrong=1))
    training = Trainer(specification(environment=environment("Parts", wrong=3)), 0)
    with pytest.raises(Exception, match="not in its space"):
        training.run()


def test_types_and_bounds_of_boxes_do_not_matter():
    """As for a plain Box; integers must be in bounds, and every part there."""
    found, row = layout(SEVERAL, spaces.Discrete(2)), np.empty(12)
    speeds = ([0.5, 1.5], [1, 2])
    found.write({"place": -1, "keys": [1, 0], "speeds": speeds}, row)
    assert row.tolist() == [1, 0, 1, 0, 0, 0.5, 1.5, 0, 1, 0, 0, 1]
    for wrong in (
        {"place": 2, "keys": [1, 0], "speeds": speeds},
        {"place": 0.5, "keys": [1, 0], "speeds": speeds},
        {"place": 0, "keys": [1, 0, 1], "speeds": speeds},
        {"place": 0, "keys": [1, 0], "speeds": speeds[:1]},
        {"place": 0, "keys": [1, 0]},
        {"place": 0, "keys": [1, 0], "speeds": speeds, "more": 1},
        5,
    ):
        with pytest.raises(EnvironmentFault, match="not in its space"):
            found.write(wrong, row)


@pytest.mark.parametrize(
    "how", [{}, {"start": 3}, {"kind": "binary"}], ids=["multi", "start", "binary"]
)
def test_several_actions_at_once_are_learned(how):
    """To near the optimum of 12; chance is 4.33, or 6 with two digits each."""
    spec = specification(
        environment=environment("Locks", **how),
        n=16,
        estimator=EstimatorSpecification("to-go", baseline="leave-one-out"),
        policy=PolicySpecification(),
        optimizer=OptimizerSpecification("sgd", 0.3, "constant"),
        budget=Budget("updates", 150),
        evaluation_episodes=50,
    )
    training = train(spec, 0)
    assert training.evaluation["final"].mean() > 11


@pytest.mark.parametrize("entropy", [0.0, 0.2])
@pytest.mark.parametrize("hidden", [(), (5,)])
def test_the_gradient_is_that_of_the_product(entropy, hidden):
    """Against autograd of torch's own distributions, summed over the actions."""
    how = EstimatorSpecification(entropy=entropy)
    spec = specification(
        environment=environment("Locks", start=1),
        estimator=how,
        policy=PolicySpecification(hidden=hidden),
    )
    trainer = Trainer(spec, 0)
    policy = trainer.policy
    policy.parameters.flat[:] += np.random.default_rng(1).normal(
        0, 0.4, len(policy.parameters.flat)
    )
    batch = trainer.sampler.sample()
    weights = trainer.weights(batch)
    exact = gradient_by_autograd(policy, how, batch, weights).copy()
    assert estimate(trainer, batch, weights) == pytest.approx(exact, abs=1e-5)

    outputs = policy.network.torch_outputs(torch.from_numpy(batch.inputs))
    parts = torch.split(outputs, [2, 3, 4], dim=1)
    every = [torch.distributions.Categorical(logits=part) for part in parts]
    actions = torch.from_numpy(batch.actions)
    log_probs = sum(one.log_prob(actions[:, j]) for j, one in enumerate(every))
    entropies = sum(one.entropy() for one in every)
    scaled = torch.from_numpy(weights.astype(np.float32)) / spec.n
    objective = (scaled * log_probs).sum() + entropy * entropies.sum() / spec.n
    assert policy.parameters.autograd([objective]) == pytest.approx(exact, abs=1e-5)


def test_actions_are_drawn_from_the_product():
    """Frequencies of each within four standard errors, and pairs are independent."""
    trainer = Trainer(specification(environment=environment("Locks")), 0)
    policy, rows = trainer.policy, 20_000
    policy.parameters.flat[:] = np.random.default_rng(2).normal(
        0, 0.5, len(policy.parameters.flat)
    )
    inputs = np.tile(trainer.sampler.sample().inputs[:1], (rows, 1))
    noise = policy.draw(np.random.default_rng(3), rows)
    actions = policy.actor(rows)(inputs, noise)
    logits = torch.from_numpy(policy.network.numpy_outputs(inputs[:1]))
    chances = [part.softmax(1)[0].numpy() for part in torch.split(logits, [2, 3, 4], 1)]
    for j, chance in enumerate(chances):
        found = np.bincount(actions[:, j], minlength=len(chance)) / rows
        assert (abs(found - chance) < 4 * np.sqrt(chance * (1 - chance) / rows)).all()
    both = ((actions[:, 0] == 1) & (actions[:, 2] == 2)).mean()
    expected = chances[0][1] * chances[2][2]
    assert abs(both - expected) < 4 * np.sqrt(expected / rows)


def wrapped(*wrappers, name="CartPole-v1", **how):
    every = tuple({"id": one, "kwargs": kwargs} for one, kwargs in wrappers)
    return replace(EnvironmentSpecification(name, {}, 50, **how), wrappers=every)


TIME = ("gymnasium.wrappers:TimeAwareObservation", {"normalize_time": True})
SCALED = ("gymnasium.wrappers:RescaleAction", {"min_action": -9, "max_action": 9})


class Doubled(gymnasium.RewardWrapper):
    def __init__(self, env, by=2):
        super().__init__(env)
        self.by = by

    def reward(self, reward):
        return self.by * reward


def test_wrappers_are_put_around_in_order():
    """The first is the innermost; the step limit is the study's."""
    made = make(wrapped(("tests.learning.test_spaces:Doubled", {"by": 3}), TIME))
    names = [type(made).__name__, type(made.env).__name__]
    assert names == ["TimeAwareObservation", "Doubled"]
    assert made.max_timesteps == 50
    assert check(wrapped(TIME)).inputs == 5
    training = train(
        specification(
            environment=wrapped(("tests.learning.test_spaces:Doubled", {"by": 3}))
        ),
        0,
    )
    plain = train(specification(environment=wrapped()), 0)
    assert training.episodes["return"][0] == 3 * training.episodes["length"][0]
    assert plain.episodes["return"][0] == plain.episodes["length"][0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            wrapped(("gymnasium.wrappers:NormalizeObservation", {})),
            "NormalizeObservation may remember .* policy.normalise_observations does",
        ),
        (
            wrapped(("gymnasium.wrappers:RecordEpisodeStatistics", {}), TIME),
            "RecordEpisodeStatistics may remember earlier episodes",
        ),
        (wrapped(("gymnasium.wrappers:NoSuch", {})), "has no 'NoSuch'"),
        (wrapped(("no_lab:Wrapper", {})), "no_lab can't be imported"),
        (wrapped(SCALED), "requires a Box action space"),
        (wrapped(("gymnasium.wrappers:ClipReward", {"x": 1})), "argument 'x'"),
        (wrapped(TIME, vectorize=True), "leave out 'vectorize'"),
    ],
)
def test_a_wrapper_that_can_not_be_used_is_refused_by_name(spec, words):
    with pytest.raises(UnusableEnvironment, match=words):
        check(spec)


def test_a_run_in_wrappers_that_forget_goes_on_from_its_state():
    """To the same bits, as without them."""
    spec = specification(environment=wrapped(TIME))
    states = []
    whole = Trainer(spec, 0).run(lambda trainer: states.append(trainer.state()))
    again = Trainer(spec, 0)
    again.restore(states[2])
    assert again.run().digest() == whole.digest()
