"""The key `tradeoff` of a config: runs that end at a threshold, and their grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pgstudy.experiment.config.schema import filled
from pgstudy.experiment.study.cell import Cell, rivals
from pgstudy.experiment.study.study import Tradeoff
from pgstudy.experiment.study.tradeoff import grid, with_target

GRID = 12  # steps of sqrt 2: a factor of 64


def tradeoff_of(config: Mapping[str, Any]) -> Tradeoff | None:
    """What the config's key says, with its defaults; None without it."""
    given = filled("tradeoff", config)
    if given is None:
        return None
    return Tradeoff(given["episodes"], given.get("grid", GRID * ("tune" in config)))


def tradeoff_cells(
    config: Mapping[str, Any], cells: Sequence[Cell], tradeoff: Tradeoff
) -> tuple[list[Cell], list[str]]:
    """The cells with their target, at all learning rates of their grids; faults."""
    faults = [
        f"{group[0].group}: with `tradeoff` give one learning rate, the middle of its "
        "grid, not several"
        for group in rivals(cells)
        if len(group) > 1
    ]
    faults += [
        f"{name}: set threshold: the runs of a trade-off study end there"
        for name in dict.fromkeys(c.environment for c in cells if c.threshold is None)
    ]
    if faults:
        return list(cells), faults
    episodes = {
        entry.get("name", entry["id"]): entry.get("test_episodes", tradeoff.episodes)
        for entry in config["environments"]
    }
    ended = [with_target(cell, episodes[cell.environment]) for cell in cells]
    return grid(ended, tradeoff.grid), []
