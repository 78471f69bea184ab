"""The key `tradeoff`: runs that end at a threshold, and grids of learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgstudy.experiment.config.checks import tradeoff_faults
from pgstudy.experiment.config.schema import filled
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Tradeoff
from pgstudy.experiment.study.tradeoff import with_targets

GRID = 12  # steps of sqrt 2 on each side: a factor of 64


def with_tradeoff(
    config: Mapping[str, Any], cells: list[Cell]
) -> tuple[list[Cell], list[str]]:
    """Cells whose runs end at a threshold, if the config says so; and the faults."""
    tradeoff = tradeoff_of(config)
    if tradeoff is None:
        return cells, []
    if faults := tradeoff_faults(cells):
        return cells, faults
    return with_targets(cells, tradeoff, _test_episodes(config)), []


def tradeoff_of(config: Mapping[str, Any]) -> Tradeoff | None:
    """What the key says, with its defaults; None without it."""
    given = filled("tradeoff", config)
    if given is None:
        return None
    return Tradeoff(given["episodes"], given.get("grid", GRID * ("tune" in config)))


def _test_episodes(config: Mapping[str, Any]) -> dict[str, int]:
    entries = [e for e in config["environments"] if "test_episodes" in e]
    return {e.get("name", e["id"]): e["test_episodes"] for e in entries}
