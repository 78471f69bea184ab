"""Environments that draw from the process's own generators repeat all the same."""

import json
import random
import sys

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from pgstudy.experiment.provenance.identity import NOT_KNOWN
from pgstudy.experiment.store.checkpoints import Saved, decode, encode
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Block, Cell
from pgstudy.experiment.training.block import train_block
from pgstudy.learning import evaluation
from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments.global_generators import states
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.streams import EpisodeStreams
from pgstudy.learning.specification import Budget, EnvironmentSpecification
from pgstudy.learning.training import train
from tests.learning.helpers import specification

DRAWS = {
    "numpy.random": lambda: np.random.normal(),
    "random": lambda: random.gauss(0, 1),
    "torch": lambda: float(torch.randn(())),
}


class Global(gymnasium.Env):
    """Draws while it is made, at each reset and at each step, from `places`."""

    __module__ = "pgstudy.tests"  # counts as one that keeps nothing, for a checkpoint
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = spaces.Discrete(2)

    def __init__(self, places):
        self.places = places
        self.made = self.draw()

    def draw(self):
        return sum(DRAWS[place]() for place in self.places)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 5
        return np.array([self.made, self.draw()]), {}

    def step(self, action):
        self.left -= 1
        seen = np.array([self.made, self.draw()])
        return seen, self.draw() * action, self.left == 0, False, {}


gymnasium.register("test/Global-v0", Global)
ALL = tuple(DRAWS)


def run(*places, updates=6, n=2):
    environment = EnvironmentSpecification("test/Global-v0", {"places": places}, 9)
    budget = Budget("updates", updates)
    return specification(environment=environment, budget=budget, n=n)


def disturb():
    """What else a process may have drawn before."""
    np.random.normal(size=7)
    random.gauss(0, 1)
    torch.randn(3)


@pytest.mark.parametrize("places", [*((p,) for p in ALL), ALL])
def test_one_seed_gives_one_digest(places):
    """Three times, whatever the process drew before; and it is said of the run."""
    digests = set()
    for _ in range(3):
        disturb()
        result = train(run(*places), 3)
        digests.add(result.digest())
        assert result.global_generators == places
    assert len(digests) == 1
    assert train(run(*places), 4).digest() not in digests


def test_other_environments_draw_from_none():
    """Neither does the training itself."""
    assert train(specification(), 0).global_generators == ()


def test_the_callers_generators_are_left_as_they_were():
    """A run, and what it draws, shows nowhere else; a cached normal counts, too."""
    disturb()
    before = encode(Saved(states(), 0))
    train(run(*ALL), 0)
    assert encode(Saved(states(), 0)) == before


@pytest.mark.parametrize("after", [1, 4])
def test_a_resumed_run_draws_what_it_would_have_drawn(after):
    """All three states are in the checkpoint; an odd number of normals was drawn."""
    kept = []

    def keep(trainer):
        if trainer.spent["updates"] == after:
            kept.append(encode(Saved(trainer.state(), 1.0)))

    whole = train(run(*ALL), 3, after_update=keep)
    disturb()
    resumed = train(run(*ALL), 3, saved=decode(kept[0]).snapshot)
    assert resumed.digest() == whole.digest()
    assert resumed.global_generators == ALL


def evaluated(trainer, seed):
    streams = EpisodeStreams(*np.random.SeedSequence(seed).spawn(3))
    return evaluation.returns(trainer.specification, trainer.policy, streams)


def test_evaluations_have_draws_of_their_own():
    """How many there are changes nothing in the training that follows."""
    trainer = Trainer(run(*ALL), 3)
    before = encode(Saved(states(), 0))
    one, other = (evaluated(trainer, seed) for seed in (5, 6))
    assert encode(Saved(states(), 0)) == before
    assert (one != other).all()
    disturb()
    assert (evaluated(trainer, 5) == one).all()


def records(tmp_path, name, seeds):
    store = Store(tmp_path / name)
    cell = Cell("global", "total", run(*ALL), None, NOT_KNOWN)
    block = Block(cell, seeds)
    assert train_block(store, block) == []
    paths = (run.folder / "run.json" for run in store.runs(block))
    return [json.loads(path.read_text()) for path in paths]


def test_a_run_in_a_block_has_the_bits_of_a_run_alone(tmp_path):
    """Behind another run, and as the only one; run.json names the generators."""
    both, alone = records(tmp_path, "a", (0, 1)), records(tmp_path, "b", (1,))
    assert both[1]["digest"] == alone[0]["digest"] != both[0]["digest"]
    assert alone[0]["global_generators"] == list(ALL)


MODULE = """
import gymnasium, numpy as np, random
from tests.learning.test_global_generators import Global
TABLE = np.random.normal(), random.random()

class Own(Global):
    def reset(self, seed=None, options=None):
        return super().reset(seed=seed)[0] + TABLE, {}

gymnasium.register("drawn/Own-v0", Own)
"""


def test_what_a_module_draws_while_it_is_imported_repeats(tmp_path, monkeypatch):
    """The first run of a process imports it, the others find it there."""
    (tmp_path / "drawn_envs.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    found = []
    for seed in (0, 1):
        disturb()
        monkeypatch.delitem(sys.modules, "drawn_envs", raising=False)
        gymnasium.registry.pop("drawn/Own-v0", None)
        environments.facts.cache_clear()
        how = EnvironmentSpecification(
            "drawn/Own-v0", {"places": ["random"]}, 9, module="drawn_envs"
        )
        train(specification(environment=how), seed)
        found.append(sys.modules["drawn_envs"].TABLE)
    assert found[0] == found[1]
    gymnasium.registry.pop("drawn/Own-v0")
