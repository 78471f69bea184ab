"""Trained runs that several modules read, and nobody changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gymnasium
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.training.block import train_block
from pgstudy.experiment.training.saving import save
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    PolicySpecification,
)
from pgstudy.learning.training import train

BLIND = "Blind-v0"  # no render method
CORRIDOR = "pgstudy.learning.environments.corridor:ShortCorridor"
if BLIND not in gymnasium.registry:
    gymnasium.register(id=BLIND, entry_point=CORRIDOR, max_episode_steps=50)

NORMALISED = {"hidden": [8], "normalise_observations": True}
ADAM = {"name": "adam", "learning_rate": 0.01}
LEARNED = {
    "study": "learned",
    "seeds": 1,
    "sample_counts": [4],
    "bins": 5,
    "defaults": {"evaluation_episodes": 40, "optimizer": ADAM},
    "environments": [
        {"id": "CartPole-v1", "policy": {"hidden": [16]}, "env_steps": 12_000},
        {"id": "Pendulum-v1", "policy": NORMALISED, "env_steps": 2000},
        {"id": "FrozenLake-v1", "env_steps": 1000},
        {"id": "ShortCorridor-v0", "env_steps": 1000, "max_episode_steps": 100},
        {"id": BLIND, "env_steps": 500, "evaluation_episodes": 0},
    ],
    "estimators": [{"name": "leave-one-out", "baseline": "leave-one-out"}],
}
# What the others have not: name of the run -> its environment and policy.
OWN = {
    "stacked": (
        EnvironmentSpecification(
            *("CartPole-v1", {}, 500),
            wrappers=(
                {
                    "id": "gymnasium.wrappers:FrameStackObservation",
                    "kwargs": {"stack_size": 3},
                },
            ),
        ),
        PolicySpecification(
            network="tests.learning.own_networks:Small", kwargs={"width": 5}
        ),
    ),
    "locks": (
        EnvironmentSpecification(
            *("test/Locks-v0", {}, 20), module="tests.learning.test_spaces"
        ),
        PolicySpecification(),
    ),
    "parts": (
        EnvironmentSpecification(
            *("test/Parts-v0", {}, 20), module="tests.learning.test_spaces"
        ),
        PolicySpecification(hidden=(4,), activation="relu"),
    ),
}


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run for each environment of LEARNED, by its id, and for each of OWN."""
    study, store = load_study(LEARNED), Store(Path(tmp_path_factory.mktemp("learned")))
    for block in study.blocks():
        assert not train_block(store, block)
    runs = {cell.environment: store.run(cell, 0) for cell in study.cells}
    for name, (environment, policy) in OWN.items():
        like = runs["FrozenLake-v1"].cell.specification
        how = replace(like, environment=environment, policy=policy)
        cell = replace(runs["FrozenLake-v1"].cell, environment=name, specification=how)
        runs[name] = store.run(cell, 0)
        made = Provenance(made_by=describe(), started=0.0)
        save(runs[name], train(how, 0), made)
    return runs
