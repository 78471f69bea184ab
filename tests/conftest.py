"""Shared by all tests."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SMOKE: dict[str, Any] = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())


@pytest.fixture
def smoke() -> dict[str, Any]:
    """A fresh copy of the smoke config, to be changed at will."""
    return copy.deepcopy(SMOKE)
