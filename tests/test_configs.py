"""The config files that come with the project."""

from dataclasses import replace

import pandas as pd
import pytest
import scipy.stats
import yaml

from pgstudy.experiment.config.loading import load_study
from pgstudy.learning.reinforce import train
from tests.conftest import ROOT

PUBLISHED = sorted((ROOT / "config/published").glob("*.yaml"))
FILES = sorted(set((ROOT / "config").rglob("*.yaml")) - set(PUBLISHED))
EXTRAS = {"InvertedPendulum": "mujoco", "LunarLander": "Box2D"}

TUNED = ("cartpole", "cliffwalking", "frozenlake", "invertedpendulum", "pendulum")
NEW_SEED = 77  # one that no learning rate was chosen on, and no kept number rests on


def load(file):
    text = file.read_text()
    for name, package in EXTRAS.items():
        if name in text:
            pytest.importorskip(package, reason=f"{file.name} needs `make extras`")
    return load_study(yaml.safe_load(text))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_config_can_be_run(file):
    """No fault, and a name of its own."""
    assert load(file).cells
    assert len({yaml.safe_load(f.read_text())["study"] for f in FILES}) == len(FILES)


def least(name):
    """What 99 of 100 further runs would reach, by the runs that docs/data keeps.

    The one-sided prediction bound for one more normal value.
    """
    folder = ROOT / "docs/data" / f"tuned-{name}"
    row = pd.read_csv(folder / "summary.csv").iloc[0]
    assert row["runs"] <= NEW_SEED, "seeds of the kept runs are counted from 0"
    df = row["finished"] - 1
    half = (row["final_high"] - row["final_low"]) / 2
    spread = half / scipy.stats.t.ppf(0.975, df) * (df + 1) ** 0.5
    factor = scipy.stats.t.ppf(0.99, df) * (1 + 1 / (df + 1)) ** 0.5
    bound = row["final_return"] - factor * spread
    assert bound > row["untrained_return"], "the bound says nothing"
    return bound


@pytest.mark.parametrize("name", TUNED)
def test_tuned_settings_learn(name):
    """As far on a new seed as on those that the documents speak of."""
    (cell,) = load(ROOT / "config" / "tuned" / f"{name}.yaml").cells
    spec = replace(cell.specification, evaluation_episodes=0)
    returns = train(spec, NEW_SEED).updates["mean_return"]
    assert returns[-len(returns) // 10 :].mean() > least(name)


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
