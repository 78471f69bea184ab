"""Shared by all tests."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

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


# Modules that kill, signal or time processes: they run after the others, alone.
SERIAL = {"test_crashes", "test_misbehaviour", "test_progress", "test_tracking_trouble"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of those modules `serial`; those of whole studies come first.

    So no long module is left for one worker at the end, when the other has none.
    """
    items.sort(key=lambda item: item.path.parent.name != "workflow")
    for item in items:
        if item.path.stem in SERIAL:
            item.add_marker("serial")


@pytest.fixture
def smoke() -> dict[str, Any]:
    """A fresh copy of the smoke config, to be changed at will."""
    return copy.deepcopy(SMOKE)
