"""Policies: numpy and torch agree and share memory; draws have the stated density."""

import gymnasium
import numpy as np
import pytest
import scipy.stats
import torch
from gymnasium import spaces

from pgstudy.learning.environments.spaces import layout
from pgstudy.learning.optimizers import GradientAscent
from pgstudy.learning.policies.distributions import PolicyOverflow
from pgstudy.learning.policies.making import load, make_policy, saved
from pgstudy.learning.rollouts.noise import NoiseStream
from pgstudy.learning.specification import PolicySpecification

PAIR = spaces.Box(-1, 1, (2,), np.float32)


def policy(actions=None, observations=None, seed=0, **how):
    observations = observations or spaces.Box(-9, 9, (4,), np.float32)
    made = layout(observations, actions or spaces.Discrete(3))
    rng = np.random.default_rng(seed)
    return make_policy(made, PolicySpecification(**how), rng)


def shaken(pi, scale=1.0):
    rng = np.random.default_rng(1)
    pi.parameters.flat[:] += scale * rng.normal(size=pi.parameters.flat.shape)
    return pi


@pytest.mark.parametrize("hidden", [(), (16,), (16, 8)])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("actions", [spaces.Discrete(3), PAIR])
def test_numpy_and_torch_give_the_same_outputs(hidden, activation, normalise, actions):
    """The rollout's forward pass is the one that is differentiated."""
    how = {"activation": activation, "normalise_observations": normalise}
    pi = shaken(policy(actions, hidden=hidden, **how))
    inputs = np.random.default_rng(1).normal(2, 3, (50, 4)).astype(np.float32)
    if normalise:
        pi.normaliser.update(inputs)
    expected = pi.network.torch_outputs(torch.from_numpy(inputs)).detach()
    found = torch.from_numpy(pi.network.numpy_outputs(inputs))
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_gradient_step_is_seen_by_the_numpy_side():
    """The arrays are views on the parameters' memory."""
    pi = policy(hidden=(8,))
    inputs = np.ones((1, 4), np.float32)
    before = pi.network.numpy_outputs(inputs)
    flat = pi.parameters.flat
    GradientAscent(flat).step(np.ones_like(flat), 0.1)
    assert not np.allclose(pi.network.numpy_outputs(inputs), before)
    tensors = [p.detach().numpy() for p in pi.parameters.tensors.values()]
    assert all(np.shares_memory(flat, tensor) for tensor in tensors)


@pytest.mark.parametrize("init", ["default", "orthogonal"])
def test_a_linear_policy_starts_uniform(init):
    """theta = 0: every action is as likely."""
    outputs = policy(init=init).network.numpy_outputs(np.ones((1, 4), np.float32))
    assert (outputs == 0).all()


def test_orthogonal_layers_are_orthogonal():
    """W^T W = 1 for a tall layer, W W^T = 1 for a wide one; biases 0."""
    arrays = policy(hidden=(16, 3), init="orthogonal").parameters.arrays
    wide, tall = arrays["layer0.weight"], arrays["layer1.weight"]
    assert wide @ wide.T == pytest.approx(np.eye(4), abs=1e-5)
    assert tall.T @ tall == pytest.approx(np.eye(3), abs=1e-5)
    assert (arrays["layer0.bias"] == 0).all()


def test_inputs_are_not_overwritten():
    """The rollout keeps the rows that it has shown to the policy."""
    inputs = np.ones((2, 4), np.float32)
    for how in ({}, {"hidden": (8,)}, {"normalise_observations": True}):
        policy(**how).network.numpy_outputs(inputs)
    assert (inputs == 1).all()


def test_a_saved_policy_names_all_that_it_is():
    """Layers, the Gaussian's deviations, and the statistics of its observations."""
    pi = policy(PAIR, hidden=(8,), normalise_observations=True, log_std=-0.5)
    state = saved(pi)
    assert list(state) == [
        "layer0.weight",
        "layer0.bias",
        "layer1.weight",
        "layer1.bias",
        "log_std",
        "observations.mean",
        "observations.scale",
        "observations.count",
    ]
    assert state["log_std"].tolist() == [[-0.5, -0.5]]
    table = policy(observations=spaces.Discrete(5))
    assert list(saved(table)) == ["layer0.weight"]


def test_gumbel_noise_draws_from_the_softmax():
    """Frequencies within four standard errors of the probabilities."""
    pi, draws = shaken(policy()), 100_000
    row = np.ones((1, 4), np.float32)
    probabilities = scipy.special.softmax(pi.network.numpy_outputs(row)[0])
    noise = NoiseStream(pi.draw, np.random.default_rng(1)).ahead(draws)[0]
    drawn = pi.actor(draws)(np.repeat(row, draws, axis=0), noise)
    shares = np.bincount(drawn, minlength=3) / draws
    error = np.sqrt(probabilities * (1 - probabilities) / draws)
    assert (abs(shares - probabilities) < 4 * error).all()


def test_gaussian_draws_have_the_stated_mean_and_deviation():
    """Each dimension passes a Kolmogorov-Smirnov test against its normal."""
    pi = shaken(policy(PAIR, hidden=(8,)), 0.5)
    row = np.ones((20_000, 4), np.float32)
    noise = NoiseStream(pi.draw, np.random.default_rng(1)).ahead(len(row))[0]
    drawn = pi.actor(len(row))(row, noise)
    mean = pi.network.numpy_outputs(row[:1])[0]
    deviation = np.exp(pi.parameters.arrays["log_std"][0])
    for i in range(2):
        test = scipy.stats.kstest(drawn[:, i], "norm", (mean[i], deviation[i]))
        assert test.pvalue > 1e-4


def entropy_sum(pi, outputs, actions):
    """As the gradient's step counts it, in numpy."""
    return pi.score(outputs, actions, np.zeros(len(outputs), np.float32), 0.0)[1]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_gaussian_log_probs_are_summed_over_dimensions(k):
    """Against torch.distributions; [M], not [M, k] or [M, M] (case 10)."""
    pi = shaken(policy(spaces.Box(-1, 1, (k,), np.float32), hidden=(8,)), 0.5)
    generator = torch.Generator().manual_seed(0)
    actions = 3 * torch.randn(7, k, generator=generator)  # many beyond the bounds
    outputs = pi.network.torch_outputs(torch.randn(7, 4, generator=generator))
    scale = pi.parameters.tensors["log_std"].exp()
    normal = torch.distributions.Normal(outputs, scale)
    found = pi.log_probs(outputs, actions)
    assert found.shape == (7,)
    assert torch.allclose(found, normal.log_prob(actions).sum(1), atol=1e-5)
    assert torch.allclose(pi.entropy(outputs), normal.entropy().sum(1), atol=1e-5)
    total = entropy_sum(pi, outputs.detach().numpy(), actions.numpy())
    assert total == pytest.approx(normal.entropy().sum().item(), rel=1e-5)


def test_categorical_log_probs_and_entropy():
    """Against torch.distributions."""
    pi = shaken(policy(hidden=(8,)))
    outputs = pi.network.torch_outputs(torch.randn(7, 4))
    reference = torch.distributions.Categorical(logits=outputs)
    actions = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    found = pi.log_probs(outputs, actions)
    assert torch.allclose(found, reference.log_prob(actions), atol=1e-6)
    assert torch.allclose(pi.entropy(outputs), reference.entropy(), atol=1e-6)
    total = entropy_sum(pi, outputs.detach().numpy(), actions.numpy())
    assert total == pytest.approx(reference.entropy().sum().item(), rel=1e-5)
    certain = np.array([[2e4, 0, 0]] * 3, np.float32)
    assert entropy_sum(pi, certain, actions[:3].numpy()) == 0


def test_a_gaussian_whose_outputs_overflow_says_so():
    """No environment is handed a NaN."""
    pi = policy(PAIR)
    pi.parameters.flat[:] = 3e38
    with pytest.raises(PolicyOverflow), np.errstate(over="ignore", invalid="ignore"):
        pi.actor(1)(np.full((1, 4), 9, np.float32), np.zeros((1, 2), np.float32))


def test_normalised_observations_have_mean_0_and_deviation_1():
    """Merged batch by batch, as if all had come at once; constants are only centred."""
    pi = policy(normalise_observations=True)
    rng = np.random.default_rng(0)
    rows = rng.normal(5, [1, 10, 100, 0], (300, 4)).astype(np.float32)
    for part in np.split(rows, [7, 120]):
        pi.normaliser.update(part)
    found = pi.normaliser.numpy_outputs(rows)
    assert found.mean(0) == pytest.approx(np.zeros(4), abs=1e-3)
    assert found.std(0) == pytest.approx([1, 1, 1, 0], abs=1e-3)
    assert pi.normaliser.numpy_outputs(np.full((1, 4), 1e9, np.float32)).max() == 10


@pytest.mark.parametrize("environment", ["Taxi-v4", "Acrobot-v1", "Pendulum-v1"])
def test_a_policy_fits_its_environment(environment):
    """As many inputs and outputs as the spaces say."""
    env = gymnasium.make(environment)
    made = layout(env.observation_space, env.action_space)
    pi = make_policy(made, PolicySpecification(), np.random.default_rng(0))
    assert pi.network.numpy_outputs(np.zeros((2, made.inputs), np.float32)).shape == (
        2,
        made.actions.size,
    )


@pytest.mark.parametrize("hidden", [(), (16,)])
@pytest.mark.parametrize("observations", [spaces.Discrete(2), None])
def test_initial_probabilities_are_those_of_the_untrained_policy(hidden, observations):
    """In every state: exactly without hidden layers, closely with them."""
    pi = policy(
        spaces.Discrete(3),
        observations,
        hidden=hidden,
        initial_probabilities=(0.7, 0.2, 0.1),
    )
    width = 2 if observations else 4
    inputs = torch.eye(width)
    found = torch.softmax(pi.network.torch_outputs(inputs), 1).detach()
    expected = torch.tensor([0.7, 0.2, 0.1]).expand(width, 3)
    assert torch.allclose(found, expected, atol=1e-6 if not hidden else 0.01)


@pytest.mark.parametrize("actions", [spaces.Discrete(3), PAIR])
@pytest.mark.parametrize("normalise", [False, True])
def test_a_saved_policy_is_loaded_to_the_last_bit(actions, normalise):
    """Weights, log standard deviations, the statistics of observations."""
    how = {"hidden": (8,), "normalise_observations": normalise}
    inputs = np.random.default_rng(1).normal(2, 3, (50, 4)).astype(np.float32)
    one, two = shaken(policy(actions, **how)), policy(actions, seed=1, **how)
    if normalise:
        one.normaliser.update(inputs)
    load(two, {name: value.numpy() for name, value in saved(one).items()})
    assert (two.parameters.flat == one.parameters.flat).all()
    outputs = [pi.network.numpy_outputs(inputs) for pi in (one, two)]
    assert (outputs[0] == outputs[1]).all()
