"""The units of an observation, its scale and its offset, change no learning."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from pgstudy.experiment.provenance.identity import NOT_KNOWN
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Block, Cell
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    ValueSpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import specification

STANDARDISED = PolicySpecification((8,), normalise_observations=True)
VALUE = ValueSpecification(0.01, "observation", (4,))
LINEAR = ValueSpecification(0.01, "observation", (), "step")


class OtherUnits(gymnasium.ObservationWrapper):
    """CartPole, whose observations are shown as scale * x + offset, in float64."""

    def __init__(self, scale=1.0, offset=0.0):
        super().__init__(gymnasium.make("CartPole-v1").unwrapped)
        self.scale, self.offset = scale, offset
        self.observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float64)

    def observation(self, observation):
        return observation.astype(np.float64) * self.scale + self.offset


class Sides(gymnasium.Env):
    """Shows a 1 and `center` +- 30; the action that fits the side pays 1."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = spaces.Discrete(2)

    def __init__(self, center=1.7e9):
        self.center = center

    def look(self):
        self.side = int(self.np_random.integers(2))
        return np.array([1.0, self.center + (60 * self.side - 30)])

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 10
        return self.look(), {}

    def step(self, action):
        self.left -= 1
        paid = float(action == self.side)
        return self.look(), paid, self.left == 0, False, {}


gymnasium.register("test/OtherUnits-v0", OtherUnits)
gymnasium.register("test/Sides-v0", Sides)


def learned(scale, offset, updates=20, **changes):
    """The specification is the same for all, and so are a run's streams."""
    gymnasium.registry["test/OtherUnits-v0"].kwargs = {"scale": scale, "offset": offset}
    environment = EnvironmentSpecification("test/OtherUnits-v0", {}, 200)
    how = {"estimator": EstimatorSpecification("to-go", baseline="leave-one-out")}
    optimizer = OptimizerSpecification("sgd", 3e-3, "constant")
    return train(
        specification(
            environment=environment,
            policy=STANDARDISED,
            optimizer=optimizer,
            budget=Budget("updates", updates),
            evaluation_episodes=0,
            **how | changes,
        ),
        1,
    )


@pytest.mark.parametrize("power", [-400, -30, 30, 400])
@pytest.mark.parametrize("value", [None, VALUE, LINEAR])
def test_powers_of_two_change_no_bit(power, value):
    """Weights and returns; the learned baseline standardises as well."""
    how = {}
    if value is not None:
        how["estimator"] = EstimatorSpecification(baseline="learned", value=value)
    one, other = learned(1.0, 0.0, 6, **how), learned(2.0**power, 0.0, 6, **how)
    assert (one.episodes["return"] == other.episodes["return"]).all()
    for name, weights in one.policy.items():
        if "observations" not in name:
            assert (weights == other.policy[name]).all(), name
    scales = (r.policy["observations.scale"].numpy() for r in (one, other))
    assert (next(scales) == next(scales) * 2.0**power).all()


@pytest.mark.parametrize("units", [(1e-9, 0.0), (1e9, 0.0), (1.0, 1.7e9), (-1.0, 3.0)])
def test_other_units_learn_the_same(units):
    """To rounding: the same returns at first, the same improvement at last."""
    one, other = learned(1.0, 0.0, n=16), learned(*units, n=16)
    if units[0] > 0:
        assert (one.updates["mean_return"] == other.updates["mean_return"])[:8].all()
    for result in (one, other):
        returns = result.updates["mean_return"]
        assert returns[-3:].mean() > 4 * returns[:2].mean()


def sides(center, standardised):
    environment = EnvironmentSpecification(
        "test/Sides-v0", {"center": center}, 20, module=__name__
    )
    return specification(
        environment=environment,
        policy=PolicySpecification((), normalise_observations=standardised),
        estimator=EstimatorSpecification("to-go", baseline="leave-one-out"),
        optimizer=OptimizerSpecification("sgd", 0.05, "constant"),
        budget=Budget("updates", 150),
        evaluation_episodes=0,
        n=8,
    )


def test_a_time_in_seconds_is_learned_from():
    """1.7e9 +- 30; float32 would keep one value, or two."""
    result = train(sides(1.7e9, True), 0)
    assert result.updates["mean_return"][-20:].mean() > 9
    assert result.warnings == ()


def test_without_the_option_there_is_a_warning(tmp_path, capsys):
    """In run.json and on stderr, naming the feature and the way out."""
    store = Store(tmp_path)
    block = Block(Cell("sides", "to-go", sides(1.7e9, False), None, NOT_KNOWN), (0,))
    assert train_block(store, block) == []
    (warning,) = json.loads((store.runs(block)[0].folder / "run.json").read_text())[
        "warnings"
    ]
    assert warning.startswith("observation 1 is 1.7e+09 +- 30")
    assert "policy.normalise_observations: true" in warning
    line = f"sides to-go N=8 learning_rate=0.05 seed=0: {warning}"
    assert line in capsys.readouterr().err


@pytest.mark.parametrize("environment_id", ["CartPole-v1", "Pendulum-v1", "Taxi-v4"])
def test_what_float32_resolves_is_not_warned_of(environment_id):
    """Constants are resolved, too; a small center is."""
    environment = EnvironmentSpecification(environment_id, {}, 50)
    assert train(specification(environment=environment), 0).warnings == ()
    assert train(sides(0.0, False), 0).warnings == ()


@pytest.mark.parametrize("constant", [0.1, 1.7e9 + 0.1, 1e-9 / 3, -1e12 / 3])
def test_a_constant_is_constant_to_the_last_digit(constant):
    """However many rows there are, and whatever a naive sum would make of them."""
    normaliser = Normaliser(2)
    rng = np.random.default_rng(0)
    for count in (1, 7, 100_003):
        rows = np.column_stack([np.full(count, constant), rng.normal(size=count)])
        normaliser.update(rows)
    assert normaliser.scale[0] == 0
    assert normaliser.mean[0] == constant
    assert normaliser.scale[1] == pytest.approx(1, rel=0.01)
    noisy = np.nextafter(constant, np.inf)
    normaliser.update(np.array([[noisy, 0.0]] * 100_003))
    assert normaliser.scale[0] == 0


def test_a_feature_shows_once_it_varies():
    """From the next batch on, in whatever units."""
    for unit in (1e-12, 1.0, 1e12):
        normaliser = Normaliser(1)
        assert normaliser.numpy_outputs(np.array([[5.0 * unit]])).tolist() == [[0.0]]
        normaliser.update(np.zeros((4, 1)))
        assert normaliser.numpy_outputs(np.array([[5.0 * unit]])).tolist() == [[0.0]]
        normaliser.update(unit * np.array([[2.0], [0.0], [2.0], [0.0]]))
        shown = normaliser.numpy_outputs(np.array([[0.5 * unit], [9 * unit]]))
        assert shown[0, 0] == pytest.approx(0, abs=1e-6)
        assert shown[1, 0] == 10 or shown[1, 0] == pytest.approx(8.5 / 0.75**0.5)
