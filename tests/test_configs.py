"""The config files that come with the project."""

import contextlib
from dataclasses import replace

import pytest
import yaml
from scipy.stats import mannwhitneyu

from pgstudy.experiment.config.loading import load_study
from pgstudy.learning.training import train
from tests.conftest import ROOT

PUBLISHED = sorted((ROOT / "config/published").glob("*.yaml"))
FILES = sorted(set((ROOT / "config").rglob("*.yaml")) - set(PUBLISHED))
EXTRAS = {"InvertedPendulum": "mujoco", "LunarLander": "Box2D", "MinAtar": "minatar"}

TUNED = ("cartpole", "cliffwalking", "frozenlake", "invertedpendulum", "pendulum")


def load(file):
    text = file.read_text()
    for name, package in EXTRAS.items():
        if name in text:
            pytest.importorskip(package, reason=f"{file.name} needs `make extras`")
    with contextlib.chdir(file.parent):  # where modules of an example lie
        return load_study(yaml.safe_load(text))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_config_can_be_run(file):
    """No fault, and a name of its own."""
    assert load(file).cells
    assert len({yaml.safe_load(f.read_text())["study"] for f in FILES}) == len(FILES)


@pytest.mark.parametrize("name", TUNED)
def test_tuned_settings_learn(name):
    """The last third of the updates beyond the first, on a seed that none was tuned on.

    By the rank test of Mann and Whitney, at a level that no chance reaches.
    """
    (cell,) = load(ROOT / "config" / "tuned" / f"{name}.yaml").cells
    spec = replace(cell.specification, evaluation_episodes=0)
    returns = train(spec, 77).updates["mean_return"]
    third = len(returns) // 3
    first, last = returns[:third], returns[-third:]
    assert mannwhitneyu(last, first, alternative="greater").pvalue < 1e-6


def test_every_published_table_belongs_to_a_study():
    """What no config names would never be read, and so never checked."""
    texts = [file.read_text() for file in FILES]
    for file in PUBLISHED:
        assert any(str(file.relative_to(ROOT)) in text for text in texts), file


def test_the_first_study_of_the_readme_can_be_run():
    """Ten lines, and nothing in them is at odds with another."""
    text = (ROOT / "config/README.md").read_text()
    block = text.partition("```yaml\n")[2].partition("```")[0]
    assert len(block.splitlines()) <= 11
    study = load_study(yaml.safe_load(block))
    assert len(study.cells) == 5
