"""A user's own network: its gradient, its bits, and what is refused."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.spaces import layout
from pgstudy.learning.estimators.gradients import gradient_by_autograd
from pgstudy.learning.policies.making import load, make_policy, saved
from pgstudy.learning.policies.own_network import UnusableNetwork
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
)
from pgstudy.learning.training import train
from pgstudy.learning.trials.networks import check
from tests.conftest import ROOT
from tests.learning.helpers import corridor, estimate, specification
from tests.learning.own_networks import PLACE

CARTPOLE = EnvironmentSpecification("CartPole-v1", {}, 100)
PENDULUM = EnvironmentSpecification("Pendulum-v1", {}, 20)
LANES = EnvironmentSpecification("CartPole-v1", {}, 100, True)
FOUR, TWO = spaces.Box(-1, 1, (4,), np.float32), spaces.Discrete(2)


def own(name="Small", **options):
    return PolicySpecification(network=f"{PLACE}:{name}", **options)


def run(**parts):
    return Trainer(specification(**{"policy": own()} | parts), 0)


@pytest.mark.parametrize("environment", [CARTPOLE, PENDULUM, LANES, corridor()])
@pytest.mark.parametrize("name", ["Small", "Partly"])
def test_the_gradient_is_autograds(environment, name):
    """Of the surrogate; a parameter that is not used has 0."""
    trainer = run(environment=environment, policy=own(name))
    flat = trainer.policy.parameters.flat
    flat[:] += np.random.default_rng(0).normal(0, 0.3, len(flat))
    (played,) = [trainer._play([0])[0][1]]
    weights, how = trainer.weights(played), trainer.specification.estimator
    found = estimate(trainer, played, weights)
    exact = gradient_by_autograd(trainer.policy, how, played, weights)
    assert np.linalg.norm(found) > 0
    assert found == pytest.approx(exact, rel=1e-4, abs=1e-5)


def test_it_computes_what_the_built_in_layers_do():
    """A linear policy with the same parameters: outputs and gradient."""
    built_in = Trainer(specification(policy=PolicySpecification()), 0)
    mine = run(policy=own("perceptron"))
    weight = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    bias = np.array([[0.1, -0.2]], np.float32)
    built_in.policy.parameters.arrays["layer0.weight"][:] = weight
    built_in.policy.parameters.arrays["layer0.bias"][:] = bias
    mine.policy.parameters.arrays["1.weight"][:] = weight.T
    mine.policy.parameters.arrays["1.bias"][:] = bias[0]
    batch = built_in.sampler.sample()
    outputs = [t.policy.network.numpy_outputs(batch.inputs) for t in (built_in, mine)]
    assert outputs[0] == pytest.approx(outputs[1], abs=1e-5)
    one, other = (estimate(t, batch, built_in.weights(batch)) for t in (built_in, mine))
    assert one[:8].reshape(4, 2).T.ravel() == pytest.approx(other[:8], rel=1e-4)
    assert one[8:] == pytest.approx(other[8:], rel=1e-4)


def test_a_run_has_its_bits_and_goes_on_from_its_state():
    """Two runs of one seed, and one that was killed."""
    states = []
    whole = run().run(lambda trainer: states.append(trainer.state()))
    again = run()
    again.restore(states[2])
    assert run().run().digest() == whole.digest() == again.run().digest()
    assert train(specification(policy=own()), 1).digest() != whole.digest()


def test_what_is_saved_is_the_modules_own_state():
    """By the module's names and in its layout; loading it gives the same outputs."""
    made = layout(FOUR, TWO)
    policy = make_policy(made, own(), np.random.default_rng(0))
    arrays = {name: value.numpy() for name, value in saved(policy).items()}
    module = policy.network.module
    assert arrays.keys() == dict(module.named_parameters()).keys()
    other = make_policy(made, own(), np.random.default_rng(1))
    inputs = np.ones((3, 4), np.float32)
    before = policy.network.numpy_outputs(inputs)
    assert not np.allclose(other.network.numpy_outputs(inputs), before)
    load(other, arrays)
    assert np.array_equal(other.network.numpy_outputs(inputs), before)
    plain = torch.nn.Linear(4, 8)
    plain.load_state_dict(
        {k: torch.from_numpy(arrays[f"first.{k}"]) for k in ("weight", "bias")}
    )
    assert torch.equal(plain(torch.ones(1, 4)), module.first(torch.ones(1, 4)))


BAD = {
    "Dropping": "other outputs for the same inputs",
    "Remembering": "other outputs for the same inputs",
    "Together": "depend on the others of a batch",
    "Wide": r"gives \[3, 3\]; it must give \[M, outputs\] = \[3, 2\]",
    "Doubles": "parameter first.weight is not float32",
    "Halves": "gives torch.float16, not float32",
    "Frozen": "parameter first.weight has requires_grad=False",
    "Single": "parameter scale is not float32, with one dimension at least",
    "WithoutGradient": "its outputs have no gradient",
    "RandomFeatures": "its parameters are not all that it is made of",
    "Normalised": "make it another one in training mode",
    "DropoutModule": "make it another one in training mode",
    "LogStd": "parameter log_std has a name that policies have already",
    "Baseline": "parameter baseline.weight has a name",
    "Images": r"of observations of shape \[3, 4\] it raises IndexError",
    "nothing": "gives a NoneType, no torch.nn.Module",
    "Empty": "has no parameters",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_refused_with_the_reason(name):
    with pytest.raises(UnusableNetwork, match=BAD[name]):
        check(own(name), layout(FOUR, TWO))


def test_wrong_arguments_and_names_are_told():
    with pytest.raises(UnusableNetwork, match="can't be made: TypeError"):
        check(own(kwargs={"depth": 3}), layout(FOUR, TWO))
    with pytest.raises(UnusableEnvironment, match="has no 'None'"):
        check(own("None"), layout(FOUR, TWO))
    check(own(kwargs={"width": 3}), layout(FOUR, TWO))


class Stripes(gymnasium.Env):
    """A picture with a bright row or column; saying which pays 1."""

    action_space = TWO

    def __init__(self, dtype="uint8", shape=(6, 6, 1)):
        high = 255 if dtype == "uint8" else 1
        self.observation_space = spaces.Box(0, high, shape, np.dtype(dtype))

    def look(self):
        self.upright = int(self.np_random.integers(2))
        where = int(self.np_random.integers(1, 5))
        picture = np.zeros((6, 6))
        picture[(slice(None), where) if self.upright else where] = 1
        space = self.observation_space
        return (picture * space.high.max()).astype(space.dtype).reshape(space.shape)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 5
        return self.look(), {}

    def step(self, action):
        self.left -= 1
        reward = float(action == self.upright)
        return self.look(), reward, self.left == 0, False, {}


gymnasium.register("test/Stripes-v0", Stripes)
SHAPES = [
    ("uint8", (6, 6, 1), True),
    ("bool", (6, 6, 1), True),
    ("float32", (1, 6, 6), False),
    ("uint8", (6, 6), True),
]


@pytest.mark.parametrize(("dtype", "shape", "last"), SHAPES)
def test_the_convolutional_network_learns_from_pictures(dtype, shape, last):
    """Bytes, booleans and numbers, channels first or last: near the optimum of 5."""
    kwargs = {"channels": [4], "hidden": [16], "channels_last": last}
    spec = specification(
        environment=EnvironmentSpecification(
            "test/Stripes-v0", {"dtype": dtype, "shape": shape}, 5
        ),
        n=16,
        estimator=EstimatorSpecification("to-go", baseline="leave-one-out"),
        policy=PolicySpecification(network="convolutional", kwargs=kwargs),
        optimizer=OptimizerSpecification("adam", 0.01, "constant"),
        budget=Budget("updates", 60),
        evaluation_episodes=50,
    )
    training = train(spec, 0)
    assert training.evaluation["untrained"].mean() < 3.5
    assert training.evaluation["final"].mean() > 4.5


def test_bytes_are_scaled_once():
    """Standardised ones would be divided by 255 again."""
    pictures = spaces.Box(0, 255, (6, 6, 1), np.uint8)
    both = PolicySpecification(network="convolutional", normalise_observations=True)
    with pytest.raises(UnusableNetwork, match="divides bytes by 255 itself"):
        check(both, layout(pictures, TWO))


def test_the_convolutional_network_wants_an_image():
    convolutional = PolicySpecification(network="convolutional")
    with pytest.raises(UnusableNetwork, match=r"have the shape \(4,\); an image is"):
        check(convolutional, layout(FOUR, TWO))


def test_minatar_is_trained_by_the_convolutional_network(monkeypatch):
    """As config/examples/pictures.yaml has it, for two updates; to the same bits."""
    pytest.importorskip("minatar", reason="pip install -r requirements-extras.lock")
    monkeypatch.syspath_prepend(ROOT / "config/examples")
    wrapper = {"id": "minatar_envs:SmallSeeds"}
    breakout = EnvironmentSpecification(
        "MinAtar/Breakout-v1", {}, 100, False, "minatar_envs", (wrapper,)
    )
    spec = specification(
        environment=breakout,
        policy=PolicySpecification(network="convolutional"),
        budget=Budget("updates", 2),
        evaluation_episodes=0,
    )
    assert train(spec, 0).digest() == train(spec, 0).digest()
    names = train(spec, 0).policy.keys()
    assert {"layers.0.weight", "layers.3.weight", "layers.5.bias"} <= names
