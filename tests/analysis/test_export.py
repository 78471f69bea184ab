"""A run's policy as files for a model hub, made and loaded without a network."""

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from pgstudy import load_policy
from pgstudy.analysis.notebook.export import export
from pgstudy.analysis.statistics import intervals
from tests.analysis.conftest import BLIND, OWN
from tests.commands import pgstudy
from tests.conftest import ROOT

BUILT_IN = ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "ShortCorridor-v0"]
PLAYED = [*BUILT_IN, *OWN]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def exported(learned, tmp_path_factory):
    """A folder for each environment, by its id."""
    folder = tmp_path_factory.mktemp("exported")
    for name, run in learned.items():
        export(run.folder, folder / name)
    return folder


def head(folder):
    _, front, _ = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(front)


@pytest.mark.parametrize("name", PLAYED)
def test_the_lines_of_the_card_load_the_policy(learned, exported, name):
    """Typed in the folder, without pgstudy's classes: the same outputs, and an action.

    The first block has five lines that are not empty, where the network is a built-in.
    """
    load, act = BLOCK.findall((exported / name / "README.md").read_text())
    if name != "stacked":
        assert len([line for line in load.splitlines() if line]) == 5
    show = "print(env.action_space.contains(action), outputs.tolist())"
    seen = "import numpy as np; print(np.ravel(observation).tolist())"
    code = f"{load}\n{act.replace('reset()', 'reset(seed=7)')}\n{show}\n{seen}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=exported / name,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    sound, _, outputs = first.partition(" ")
    policy, observation = load_policy(learned[name].folder), json.loads(second)
    row = torch.tensor(observation).float()
    if policy.layout.one_hot:
        row = torch.eye(policy.layout.inputs)[observation[0]]
    expected = policy.network(row[None])[0].tolist()
    assert json.loads(outputs) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert sound == "True"


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_head_says_what_the_run_reports(learned, exported, name):
    """The mean return of the evaluation, with Student's interval."""
    front, run = head(exported / name), learned[name].record()
    assert front["library_name"] == "pgstudy"
    assert front["pipeline_tag"] == "reinforcement-learning"
    assert name in front["tags"]
    (model,) = front["model-index"]
    (result,) = model["results"]
    found = {metric["type"]: metric["value"] for metric in result["metrics"]}
    expected = intervals.mean([np.array(run.evaluation["final"])])
    ends = ["mean_reward", "mean_reward_low", "mean_reward_high"]
    assert [found[end] for end in ends] == pytest.approx(expected, abs=1e-6)
    assert result["dataset"]["type"] == name


def test_the_files_are_there(exported):
    """A looping recording of the length that recordings have; JSON of the run."""
    for name in BUILT_IN:
        folder = exported / name
        assert {p.name for p in folder.iterdir()} == {
            *("model.safetensors", "config.json", "README.md", "replay.gif"),
        }
        image = Image.open(io.BytesIO((folder / "replay.gif").read_bytes()))
        assert (image.format, image.info["loop"]) == ("GIF", 0)
        assert image.n_frames > 1
        config = json.loads((folder / "config.json").read_text())
        assert config["run"]["environment"] == name
    low = json.loads((exported / "Pendulum-v1/config.json").read_text())["actions"]
    assert (low["kind"], low["low"], low["high"]) == ("box", [-2.0], [2.0])


def test_what_there_is_not_is_said(exported):
    """No evaluation: no model-index. No pictures: the reason."""
    folder = exported / BLIND
    assert not (folder / "replay.gif").exists()
    assert "model-index" not in head(folder)
    text = (folder / "README.md").read_text()
    assert "There is no recording: it has no render mode rgb_array." in text
    assert "after training | not measured |" in text


def test_the_same_files_twice(learned, exported, tmp_path):
    """In another process, too: the metadata of safetensors has no order."""
    run, again = learned["FrozenLake-v1"].folder, tmp_path / "again"
    command = [sys.executable, "-m", "pgstudy", "export", run, again]
    subprocess.run(command, check=True, capture_output=True)
    for file in (exported / "FrozenLake-v1").iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_mistakes_are_one_message(learned, tmp_path):
    """A folder with something in it, and a run that is none; nothing is written."""
    run, full = learned["FrozenLake-v1"].folder, tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("")
    code, text = pgstudy("export", run, full)
    assert (code, "is there and not empty" in text) == (1, True)
    assert [p.name for p in full.iterdir()] == ["mine"]
    code, text = pgstudy("export", tmp_path, tmp_path / "new")
    assert (code, "run.json is not there" in text) == (1, True)
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    code, text = pgstudy("export", run / "run.json", tmp_path / "empty")
    assert (code, text) == (0, f"exported: {tmp_path / 'empty'}\n")
