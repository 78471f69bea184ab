"""Recordings of final policies, of real environments and real runs."""

import dataclasses
import io
import json
import os
import subprocess
import sys

import gymnasium
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

from pgstudy.analysis.recordings import corridor, frames, record, step
from pgstudy.analysis.tables.build import Tables, build
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import POLICY, Store
from pgstudy.experiment.training import block as training
from pgstudy.learning.environments import registry as environments
from pgstudy.learning.policies.making import load
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.sampling import training_samplers
from tests.analysis.conftest import BLIND

pytest.importorskip("pygame")

ADAM = {"name": "adam", "learning_rate": 0.02}
LABELS = ("a/corridor", "CartPole-v1", "Pendulum-v1", BLIND)


def study_of(*places, seeds=1):
    config = {
        "study": "recordings",
        "seeds": seeds,
        "seeds_per_job": seeds,
        "sample_counts": [2],
        "bins": 5,
        "defaults": {"evaluation_episodes": 0, "optimizer": ADAM},
        "environments": [{"env_steps": 1500} | place for place in places],
        "estimators": [{"name": "leave-one-out", "baseline": "leave-one-out"}],
    }
    return load_study(config)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(study, store, tables) of three seeds."""
    policy = {"hidden": [8], "normalise_observations": True}
    study = study_of(
        {"id": "ShortCorridor-v0", "name": "a/corridor", "max_episode_steps": 200},
        {"id": "CartPole-v1", "policy": policy},
        {"id": "Pendulum-v1", "policy": policy},
        {"id": BLIND},
        seeds=3,
    )
    store = Store(tmp_path_factory.mktemp("results"))
    for block in study.blocks():
        assert not training.train_block(store, block)
    return study, store, build(store, study)


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    study, store, tables = made
    folder = tmp_path_factory.mktemp("recordings")
    step.write(store, study, tables, folder)
    return folder


def entries(folder):
    return json.loads((folder / "recordings.json").read_text())


def run_of(made, label, seed=0):
    study, store, _ = made
    cell = next(cell for cell in study.cells if cell.environment == label)
    return store.run(cell, seed)


def recording_of(run):
    return record.record(run.cell.specification, run.folder / POLICY, run.seed)


def assert_sound(content):
    """An animated WebP, small, looping, of 2 to 8 seconds. Returns its frames."""
    assert len(content) <= 120_000
    image, length = Image.open(io.BytesIO(content)), 0
    assert image.format == "WEBP"
    assert image.info["loop"] == 0
    assert 1 < image.n_frames <= 60
    assert max(image.size) <= 300 + frames.STRIP
    for frame in range(image.n_frames):
        image.seek(frame)
        image.load()
        length += image.info["duration"]
    assert 2000 <= length <= 8000
    return image.n_frames


def test_every_environment_has_its_recordings(written):
    """Worst, median and best, in files named after the environment."""
    found = [e for e in entries(written) if "file" in e]
    files = [f"a%2Fcorridor-{role}.webp" for role in step.ROLES]
    assert [e["file"] for e in found[:3]] == files
    assert len(found) == 9
    assert {p.name for p in written.iterdir()} == {
        "recordings.json",
        *(e["file"] for e in found),
    }
    for entry in found:
        shown = assert_sound((written / entry["file"]).read_bytes())
        assert shown == min(entry["steps"] + 1, 60)


def test_an_environment_without_pictures_is_no_error(written):
    """The reason is written down, once."""
    found = [e for e in entries(written) if e["environment"] == BLIND]
    assert [e["reason"] for e in found] == ["it has no render mode rgb_array"]
    assert "file" not in found[0]


def test_whatever_fails_is_a_reason(made, tmp_path, monkeypatch):
    """A painter that raises, and pictures that are none; the others are recorded."""
    study, store, tables = made

    def fail(environment):
        raise OSError("no paint")

    monkeypatch.setitem(corridor.PAINTERS, "ShortCorridor-v0", fail)
    monkeypatch.setitem(corridor.PAINTERS, BLIND, frames.rendered)
    step.write(store, study, tables, tmp_path)
    found = {e["environment"]: e for e in entries(tmp_path)}
    assert list(found) == list(LABELS)
    assert "no paint" in found["a/corridor"]["reason"]
    assert found[BLIND]["reason"]
    assert (tmp_path / found["CartPole-v1"]["file"]).is_file()


def test_a_library_that_ends_its_process_is_a_reason(made, tmp_path, monkeypatch):
    """As one for 3-D pictures does where it finds no screen."""
    study, store, tables = made
    abort = lambda environment: os.abort()  # noqa: E731
    monkeypatch.setitem(corridor.PAINTERS, "ShortCorridor-v0", abort)
    step.write(store, study, tables, tmp_path)
    (found,) = [e for e in entries(tmp_path) if e["environment"] == "a/corridor"]
    assert "its process was ended by SIGABRT" in found["reason"]
    assert "file" not in found


def test_the_same_bytes_twice(made, written, tmp_path):
    study, store, tables = made
    step.write(store, study, tables, tmp_path)
    for file in written.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


@pytest.mark.parametrize("label", LABELS[:3])
def test_the_return_is_that_of_the_recorded_episode(made, written, label):
    """Replayed without this package's environments, sampler and pictures."""
    entry = [e for e in entries(written) if e["environment"] == label][1]
    run = run_of(made, label, entry["seed"])
    where = run.cell.specification.environment
    root = np.random.SeedSequence(entry["seed"], spawn_key=(record.STREAM,))
    first, second, _ = root.spawn(3)
    generator = np.random.default_rng(second)
    policy, layout = loaded(run)
    environment = gymnasium.make(where.id, max_episode_steps=where.max_episode_steps)
    seed = int(first.generate_state(1, np.uint64)[0] >> np.uint64(1))
    observation, _ = environment.reset(seed=seed)
    rewards, over = [], False
    row = np.empty((1, layout.inputs), np.float32)
    while not over:
        layout.write(observation, row[0])
        action = policy.actor(1)(row, policy.draw(generator, 1))
        observation, reward, terminated, truncated, _ = environment.step(
            layout.actions.each(action)[0]
        )
        rewards.append(float(reward))
        over = terminated or truncated
    assert entry["steps"] == len(rewards)
    assert entry["episode_return"] == pytest.approx(sum(rewards), rel=1e-12)


def loaded(run):
    specification = run.cell.specification
    (sampler,) = training_samplers(specification, [1])
    sampler.close()
    load(sampler.policy, safetensors.numpy.load_file(run.folder / POLICY))
    return sampler.policy, sampler.layout


@pytest.mark.parametrize("label", LABELS[:3])
def test_the_loaded_policy_is_the_trained_one(made, label):
    """Softmax and Gaussian, with normalised observations: equal to the last bit."""
    run = run_of(made, label)
    trainer = Trainer(run.cell.specification, run.seed)
    trainer.run()
    policy, layout = loaded(run)
    inputs = np.random.default_rng(2).normal(size=(100, layout.inputs)).astype("f4")
    noise = policy.draw(np.random.default_rng(3), 100)
    ours = policy.network.numpy_outputs(inputs)
    assert ours.tobytes() == trainer.policy.network.numpy_outputs(inputs).tobytes()
    acts = policy.actor(len(inputs))(inputs, noise)
    assert acts.tobytes() == trainer.policy.actor(len(inputs))(inputs, noise).tobytes()
    assert (policy.normaliser is None) == (label == "a/corridor")


@pytest.mark.parametrize("name", ["Acrobot-v1", "FrozenLake-v1", "LunarLander-v3"])
def test_other_environments_can_be_recorded(name, tmp_path):
    if name.startswith("Lunar"):
        pytest.importorskip("Box2D")
    study, store = study_of({"id": name, "env_steps": 300}), Store(tmp_path)
    training.train_block(store, next(study.blocks()))
    step.write(store, study, build(store, study), tmp_path / "recordings")
    (entry,) = entries(tmp_path / "recordings")
    assert entry["role"] == "best"
    assert_sound((tmp_path / "recordings" / entry["file"]).read_bytes())


def test_the_step_limit_is_kept(made):
    run = run_of(made, "Pendulum-v1")
    where = dataclasses.replace(run.cell.specification.environment, max_episode_steps=7)
    short = dataclasses.replace(run.cell.specification, environment=where)
    short_one = record.record(short, run.folder / POLICY, 0)
    assert short_one.steps == 7
    assert len(short_one.frames) == 8


def test_no_screen_is_needed(made):
    """Whatever driver the shell asks for."""
    run = run_of(made, "Pendulum-v1")
    code = (
        "import json, sys; from pathlib import Path;"
        "from pgstudy.analysis.recordings.record import record;"
        "from pgstudy.learning.specification import RunSpecification;"
        "how = RunSpecification.from_dict(json.loads(sys.argv[1]));"
        "made = record(how, Path(sys.argv[2]), 0); print(made.episode_return)"
    )
    shell = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    text = json.dumps(run.cell.specification.to_dict())
    result = subprocess.run(
        [sys.executable, "-c", code, text, run.folder / POLICY],
        env=shell | {"SDL_VIDEODRIVER": "x11"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout) == recording_of(run).episode_return


def tables_of(returns, statuses=None):
    """Two cells, of which `good` is the better one; its runs have these returns."""
    statuses = statuses or ["finished"] * len(returns)
    place = {"environment": "e", "n": 4, "learning_rate": 0.1}
    good = [
        place | {"estimator": "good", "seed": i, "final_return": r, "status": s}
        for i, (r, s) in enumerate(zip(returns, statuses, strict=True))
    ]
    bad = [
        place
        | {"estimator": "bad", "seed": 0, "final_return": 99.0, "status": "finished"}
    ]
    summary = [
        place | {"estimator": "bad", "finished": 1, "final_return": -5.0},
        place | {"estimator": "good", "finished": 1, "final_return": 5.0},
    ]
    empty = pd.DataFrame()
    return Tables(pd.DataFrame(bad + good), empty, empty, empty, pd.DataFrame(summary))


@pytest.mark.parametrize(
    ("returns", "seeds"),
    [
        ([3.0, 9.0, 1.0, 5.0, 7.0], {"worst": 2, "median": 3, "best": 1}),
        ([3.0, 9.0, 1.0, 5.0], {"worst": 2, "median": 0, "best": 1}),
        ([2.0, 2.0, 2.0], {"worst": 0, "median": 1, "best": 2}),
        ([4.0, 3.0], {"worst": 1, "best": 0}),
        ([4.0], {"best": 0}),
    ],
)
def test_worst_median_and_best_by_hand(returns, seeds):
    """Of the best cell; no run is shown twice."""
    chosen = step.choose(tables_of(returns), "e")
    assert {role: row.seed for role, row in chosen.items()} == seeds
    assert {row.estimator for row in chosen.values()} == {"good"}


def test_runs_that_did_not_finish_are_not_shown():
    statuses = ["diverged", "finished", "stuck", "finished", "finished"]
    returns = [-9.0, 1.0, 9.0, 3.0, 2.0]
    chosen = step.choose(tables_of(returns, statuses), "e")
    assert {k: row.seed for k, row in chosen.items()} == {
        "worst": 1,
        "median": 4,
        "best": 3,
    }
    assert step.choose(tables_of([1.0], ["failed"]), "e") == {}


@pytest.mark.parametrize("steps", [1, 59, 60, 119, 120, 121, 239, 240, 241, 1000])
def test_first_and_last_step_are_always_shown(steps):
    """Evenly between them, whatever the length; time is in proportion to steps."""
    reel, shown = frames.Reel(), {}
    for at in range(steps + 1):
        if reel.wants(at) or at == steps:
            picture = Image.new("RGB", (30, 20), (at % 256, at // 256, 0))
            reel.add(picture, at, 0.0)
    pictures, durations = reel.cut(pace=50)
    for frame in pictures:
        red, green, _ = frame.getpixel((frame.width // 2, 0))
        shown[red + 256 * green] = frame
    assert list(shown) == sorted(shown)
    assert (min(shown), max(shown)) == (0, steps)
    assert len(pictures) == len(durations) <= 60
    gaps, held = np.diff(list(shown)), sum(durations[:-1]) / steps
    assert gaps.max() <= 2 * max(1, steps / 59)
    assert abs(gaps * held - durations[:-1]).max() <= 1
    assert 2000 <= sum(durations) <= 8000


def test_the_corridor_shows_where_the_agent_is():
    environment = gymnasium.make("ShortCorridor-v0").unwrapped
    environment.reset()
    discs = []
    for action in (1, 0, 1):  # the second state is switched
        pixels = np.asarray(corridor.paint_corridor(environment), int)
        blue = (pixels[..., 2] > 140) & (pixels[..., 0] < 60)
        discs.append(blue.nonzero()[1].mean())
        environment.step(action)
    assert np.diff(discs) == pytest.approx([66, 66], abs=1)
    assert pixels.shape[1] <= 300


def test_noise_fits_too_or_is_refused(monkeypatch):
    """The worst pictures there can be get smaller; beyond that there is a reason."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 322, 300, 3), np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in noise]
    assert_sound(frames.encoded(pictures, [100] * 60))
    monkeypatch.setattr(frames, "LARGEST", 100)
    with pytest.raises(frames.TooLarge, match="smaller than"):
        frames.encoded(pictures[:2], [1000] * 2)


def test_the_environments_are_those_that_are_registered():
    """A painter for an id that is gone would never be used."""
    for name in corridor.PAINTERS:
        assert environments.registered(name)
