"""Shared by all tests."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in a job, and as in `launch`

ROOT = Path(__file__).parents[1]
SMOKE: dict[str, Any] = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
# Two cells of the corridor, trained in a moment.
SMALL: dict[str, Any] = {
    "study": "small",
    "seeds": 5,
    "sample_counts": [1, 4],
    "bins": 4,
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "env_steps": 400,
            "max_episode_steps": 20,
            "optimizer": {"learning_rate": 0.001},
        }
    ],
    "estimators": [{"name": "total-return"}],
}


# Modules that kill, signal or watch processes, in two groups of about one length: one
# worker takes those of a group one by one.
ONE_BY_ONE = {
    "test_crashes": "crashes",
    "test_forkserver": "crashes",
    "test_misbehaviour": "troubles",
    "test_progress": "troubles",
    "test_tracking_trouble": "troubles",
}
# The other modules of a minute and more, the longest first.
LONG = [
    *("test_slurm", "test_storage", "test_paper", "test_golden", "test_damage"),
    *("test_acceptance", "test_workflow", "test_tracking", "test_cli", "test_capsule"),
    *("test_installed", "test_mirror", "test_secrets", "test_group"),
    *("test_configs", "test_tuning", "test_own_code", "test_proofs", "test_notebook"),
]


class Groups(LoadFileScheduling):
    """A module for a worker at a time, and a group of ONE_BY_ONE for one worker."""

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        return ONE_BY_ONE.get(Path(module).stem, module)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Called by pytest-xdist."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The groups come first, the long modules next and other whole studies then.

    So no long module is left for one worker at the end, when the other has none.
    """
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: item.path.parent.name != "workflow")
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))
    items.sort(key=lambda item: item.path.stem not in ONE_BY_ONE)


@pytest.fixture
def smoke() -> dict[str, Any]:
    """A fresh copy of the smoke config, to be changed at will."""
    return copy.deepcopy(SMOKE)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store of MLflow's, to be copied: a new one takes seconds of migrations.

    The first worker that asks makes it. Tests of a store's creation do without it.
    """
    from mlflow import MlflowClient  # seconds, too

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made, file = shared / "migrated.db", shared / "migrated-whole.db"
    with FileLock(shared / "migrated.lock"):
        if not file.exists():
            MlflowClient(f"sqlite:///{made}").search_experiments()
            shutil.copy(made, file)
    return file
