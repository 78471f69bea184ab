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


# Modules that kill, signal or watch processes: one worker takes them one by one.
ONE_BY_ONE = {
    *("test_crashes", "test_forkserver", "test_misbehaviour"),
    *("test_progress", "test_tracking_trouble"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for `--dist loadgroup`: a module each, and those together.

    They come first, and whole studies next: so no long group is left for one worker at
    the end, when the other has none.
    """

    def place(item: pytest.Item) -> tuple[bool, bool]:
        return item.path.stem not in ONE_BY_ONE, item.path.parent.name != "workflow"

    items.sort(key=place)
    for item in items:
        alone = item.path.stem in ONE_BY_ONE
        item.add_marker(pytest.mark.xdist_group("alone" if alone else str(item.path)))


@pytest.fixture
def smoke() -> dict[str, Any]:
    """A fresh copy of the smoke config, to be changed at will."""
    return copy.deepcopy(SMOKE)
