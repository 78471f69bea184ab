"""A policy in a notebook is the one that the run evaluated."""

import importlib
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import scipy.stats
import torch

from pgstudy import CantBeLoaded, load_policy
from pgstudy.experiment.store.record import Provenance, write_record
from pgstudy.experiment.store.runs import POLICY
from pgstudy.experiment.system.files import file_digest
from pgstudy.experiment.training.saving import save_failure
from pgstudy.learning.rollouts.streams import Streams
from pgstudy.learning.training import train
from tests.analysis.conftest import OWN
from tests.learning.own_networks import Small

BUILT_IN = ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "ShortCorridor-v0"]
PLAYED = [*BUILT_IN, *OWN]


def made(run):
    """The environment as Gymnasium makes it, with all its wrappers."""
    how = run.cell.specification.environment
    made = gymnasium.make(how.id, how.max_episode_steps, **how.kwargs)
    for wrapper in how.wrappers or ():
        module, _, name = wrapper["id"].partition(":")
        made = getattr(importlib.import_module(module), name)(made, **wrapper["kwargs"])
    return made


def played(run, policy, seeds):
    """Returns of an episode for each seed, all of them a step at a time."""
    environments = [made(run) for _ in seeds]
    observations = [
        environment.reset(seed=seed)[0]
        for environment, seed in zip(environments, seeds, strict=True)
    ]
    totals, alive = np.zeros(len(seeds)), list(range(len(seeds)))
    while alive:
        for i in list(alive):
            action = policy.act(observations[i])
            step = environments[i].step(action)
            observations[i], reward, terminated, truncated, _ = step
            totals[i] += reward
            if terminated or truncated:
                alive.remove(i)
    return totals


@pytest.mark.parametrize("name", PLAYED)
def test_the_episodes_of_the_evaluation_again(learned, name):
    """With its streams: the very returns that the run reports.

    Nothing of the run's sampler is used. Its rows were multiplied together and these
    are not, so float32 may differ in its last digit, which sums of rewards that are no
    whole numbers show.
    """
    run = learned[name]
    streams = Streams(run.cell.specification, run.seed).final
    words = streams.environments.generate_state(40, np.uint64) >> np.uint64(1)
    policy = load_policy(run.folder, seed=streams.actions)
    found, reported = played(run, policy, words.tolist()), policy.evaluation_returns
    assert len(reported) == 40
    if name == "Pendulum-v1":
        assert found == pytest.approx(reported, rel=1e-4)
    else:
        assert found.tolist() == reported.tolist()


def test_fresh_episodes_agree_with_the_reported_mean(learned):
    """Welch's 99 % interval of the difference has 0 in it, after training alone."""
    run = learned["CartPole-v1"]
    policy = load_policy(run.folder, seed=1)
    fresh = played(run, policy, range(100))
    interval = scipy.stats.ttest_ind(
        fresh, policy.evaluation_returns, equal_var=False
    ).confidence_interval(0.99)
    assert interval.low < 0 < interval.high
    before = np.array(run.record().evaluation["untrained"])
    other = scipy.stats.ttest_ind(fresh, before, equal_var=False)
    assert other.confidence_interval(0.99).low > 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_network_gives_the_outputs(learned, name):
    """Computed here from the saved arrays in float64; they are [inputs, outputs]."""
    run = learned[name]
    policy, saved = (
        load_policy(run.folder),
        safetensors.numpy.load_file(run.folder / POLICY),
    )
    rows = np.random.default_rng(0).normal(size=(50, policy.layout.inputs))
    if policy.layout.one_hot:
        rows = np.eye(policy.layout.inputs)
    hidden = rows.astype(np.float32).astype(float)
    if name == "Pendulum-v1":
        hidden = (rows - saved["observations.mean"]) * saved["observations.scale"]
        hidden = hidden.clip(-10, 10)
    layers = [key for key in sorted(saved) if key.endswith("weight")]
    for layer in layers:
        hidden = np.tanh(hidden) if layer != layers[0] else hidden
        bias = saved.get(layer.replace("weight", "bias"), 0)
        hidden = hidden @ saved[layer].astype(float) + bias
    inputs = torch.tensor(rows, dtype=torch.float64 if name == "Pendulum-v1" else None)
    if name != "Pendulum-v1":
        inputs = inputs.float()
    assert isinstance(policy.network, torch.nn.Sequential)
    found = policy.network(inputs)
    assert found.dtype == torch.float32
    assert found.detach().numpy() == pytest.approx(hidden, rel=1e-5, abs=1e-6)
    linear = [m for m in policy.network if isinstance(m, torch.nn.Linear)]
    for module, key in zip(linear, layers, strict=True):
        assert module.weight.shape == saved[key].shape[::-1]


def test_a_network_of_ones_own_is_there_in_torch(learned):
    """Its module, with the weights of the run, behind what gives rows their shape."""
    policy = load_policy(learned["stacked"].folder)
    saved = safetensors.numpy.load_file(learned["stacked"].folder / POLICY)
    assert isinstance(policy.network.network, Small)
    observation = np.random.default_rng(0).normal(size=(3, 4))
    hidden = np.tanh(
        observation.ravel() @ saved["first.weight"].T + saved["first.bias"]
    )
    logits = 0.01 * (hidden @ saved["last.weight"].T + saved["last.bias"])
    rows = torch.tensor(observation).float().reshape(1, 12)
    found = policy.network(rows)[0].detach().numpy()
    assert found == pytest.approx(logits, rel=1e-5, abs=1e-6)
    assert policy.act(observation, deterministic=True) == logits.argmax()


def test_standardising_keeps_digits_and_clips(learned, tmp_path):
    """Weights of a run, with statistics as of a time in seconds: 1.7e9 +- 30.

    float32 has steps of 128 there. 500 deviations count as 10.
    """
    run, folder = learned["Pendulum-v1"], tmp_path / "run"
    shutil.copytree(run.folder, folder)
    saved = safetensors.numpy.load_file(folder / POLICY)
    saved["observations.mean"][:], saved["observations.scale"][:] = 1.7e9, 1 / 30
    safetensors.numpy.save_file(saved, folder / POLICY)
    record = run.record()
    files = record.files | {POLICY: file_digest(folder / POLICY)}
    write_record(folder, replace(record, files=files))
    policy = load_policy(folder)
    for deviations, shown in (
        ([0.3, -0.5, 1.0],) * 2,
        ([0.3, -500, 700], [0.3, -10, 10]),
    ):
        seen = 1.7e9 + 30 * np.array(deviations)
        hidden = np.tanh(shown @ saved["layer0.weight"] + saved["layer0.bias"][0])
        mean = hidden @ saved["layer1.weight"] + saved["layer1.bias"][0]
        expected = pytest.approx(mean.clip(-2, 2), rel=1e-4)
        assert policy.act(seen, deterministic=True) == expected
        assert policy.network(torch.tensor(seen)).detach().numpy() == pytest.approx(
            mean, rel=1e-4
        )


def test_deterministic_is_the_mode(learned):
    """The most probable action, or the mean; nothing is drawn for it."""
    policy = load_policy(learned["CartPole-v1"].folder, seed=3)
    drawn = [policy.act(np.ones(4) * i) for i in range(9)]
    policy = load_policy(learned["CartPole-v1"].folder, seed=3)
    for i in range(9):
        outputs = policy.network(torch.full((4,), float(i)))
        assert policy.act(np.ones(4) * i, deterministic=True) == int(outputs.argmax())
    assert drawn == [policy.act(np.ones(4) * i) for i in range(9)]
    policy = load_policy(learned["Pendulum-v1"].folder)
    observation = np.array([0.6, 0.8, 1.0], np.float32)
    mean = policy.network(torch.tensor(observation)).detach().numpy()
    action = policy.act(observation, deterministic=True)
    assert action == pytest.approx(mean.clip(-2, 2), rel=1e-5)
    assert (action.shape, action.dtype) == ((1,), np.float32)


def test_actions_are_drawn_as_the_network_says(learned):
    """Frequencies of 4,000 actions, by the chi-square test; log_std has the spread."""
    policy = load_policy(learned["CartPole-v1"].folder, seed=5)
    observation = np.array([0.1, 0.2, -0.1, 0.3])
    logits = policy.network(torch.tensor(observation).float()).double()
    drawn = [policy.act(observation) for _ in range(4000)]
    expected = 4000 * torch.softmax(logits, 0).detach().numpy()
    found = scipy.stats.chisquare(np.bincount(drawn, minlength=2), expected)
    assert found.pvalue > 0.01
    assert policy.log_std is None
    assert load_policy(learned["Pendulum-v1"].folder).log_std.shape == (1,)


def test_each_policy_has_a_generator_of_its_own(learned):
    """The process's own stay as they are; a seed repeats, and another differs."""
    folder = learned["CartPole-v1"].folder
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(1).item(), np.random.random()
    torch.manual_seed(0)
    np.random.seed(0)
    actions = [
        [int(policy.act(np.zeros(4))) for _ in range(64)]
        for policy in (load_policy(folder, seed=s) for s in (1, 1, 2))
    ]
    assert (torch.rand(1).item(), np.random.random()) == expected
    assert actions[0] == actions[1] != actions[2]


def test_a_run_is_named_in_three_ways(learned):
    run = learned["FrozenLake-v1"]
    row = SimpleNamespace(folder=str(run.folder))
    for given in (run.folder, str(run.folder / "run.json"), row):
        assert load_policy(given).record.key == run.key
    with pytest.raises(CantBeLoaded, match=r"runs.iloc\[0\]; this is a int"):
        load_policy(3)


@pytest.mark.parametrize(
    ("name", "observation", "wanted"),
    [
        ("CartPole-v1", np.zeros(3), "is 4 numbers"),
        ("CartPole-v1", "up", "is 4 numbers"),
        ("FrozenLake-v1", 16, "a whole number from 0 to 15, and not 16"),
        ("FrozenLake-v1", 0.5, "a whole number from 0 to 15"),
        ("parts", 3, r"is one of Dict\(.*, and not 3"),
    ],
)
def test_what_is_no_observation_is_refused(learned, name, observation, wanted):
    with pytest.raises(ValueError, match=wanted):
        load_policy(learned[name].folder).act(observation)


def test_a_run_without_a_policy_says_why(learned, tmp_path):
    """Missing, failed, damaged: each names the file and what to do."""
    run = learned["FrozenLake-v1"]
    folder = tmp_path / "run"
    with pytest.raises(CantBeLoaded, match=r"run.json is not there; `pgstudy run"):
        load_policy(folder)
    shutil.copytree(run.folder, folder)
    (folder / POLICY).write_bytes(b"")
    with pytest.raises(CantBeLoaded, match=r"policy.safetensors is missing or damaged"):
        load_policy(folder)
    (folder / "run.json").write_text("{}")
    with pytest.raises(CantBeLoaded, match=r"run.json is damaged"):
        load_policy(folder)
    failed = replace(run, folder=folder)
    save_failure(failed, RuntimeError("no power"), Provenance(made_by={}, started=0))
    with pytest.raises(CantBeLoaded, match=r"failed.*no power.*`pgstudy run"):
        load_policy(folder)


@pytest.mark.parametrize(
    ("name", "word"),
    [("Gone-v0", "can't be made: .*Gone"), ("CliffWalking-v1", "has other weights")],
)
def test_an_environment_that_is_gone_is_named(learned, tmp_path, name, word):
    """The run is sound; what makes its environment is not there, or is another one."""
    run, folder = learned["FrozenLake-v1"], tmp_path / "run"
    shutil.copytree(run.folder, folder)
    record, specification = run.record(), run.cell.specification
    environment = replace(specification.environment, id=name)
    other = replace(specification, environment=environment).to_dict()
    write_record(folder, replace(record, specification=other))
    with pytest.raises(CantBeLoaded, match=word):
        load_policy(folder)


def test_the_file_of_a_policy_says_what_it_is(learned):
    """Its specification trains the run again, to the same digest."""
    run = learned["FrozenLake-v1"]
    with safetensors.safe_open(run.folder / POLICY, "numpy") as file:
        said = json.loads(file.metadata()["pgstudy"])
    record, specification = run.record(), run.cell.specification
    assert said["specification"] == specification.to_dict()
    mean = np.mean(record.evaluation["final"])
    assert (said["key"], said["evaluation_return"]) == (run.key, pytest.approx(mean))
    assert said["versions"]["torch"] == torch.__version__
    assert train(specification, said["seed"]).digest() == record.digest
