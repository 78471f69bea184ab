"""Trade-off studies: runs that end at a threshold, and the grid of learning rates.

The learning rate of each environment, estimator and N is searched for: the configured
one and its neighbours, then farther and farther on the side of the best, until both
neighbours of the best one are tried, or the grid's end is reached.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Tradeoff
from pgstudy.learning.specification import TargetSpecification

RATIO = math.sqrt(2)  # of neighbours on the grid
DIGITS = 4  # of a learning rate
RULE = (
    "the learning rate with the fewest updates to the threshold, mean over the tuning "
    "seeds; a run that does not get there counts as its cap; searched on a grid of "
    "ratio sqrt 2 until both neighbours of the best one are tried"
)


class Loss(NamedTuple):
    """Of a learning rate, the smaller the better: updates to the threshold; of equals
    the higher return at the end decides.
    """

    updates: float
    minus_return: float


def with_targets(
    cells: Iterable[Cell], tradeoff: Tradeoff, episodes: Mapping[str, int]
) -> list[Cell]:
    """The cells with runs that end at their threshold, at all learning rates of their
    grids. episodes: of the test, in environments that have a number of their own.
    """
    ended = [
        _with_target(cell, episodes.get(cell.environment, tradeoff.episodes))
        for cell in cells
    ]
    if tradeoff.grid == 0:
        return ended
    steps = range(-tradeoff.grid, tradeoff.grid + 1)
    return [
        _at(cell, cell.learning_rate * RATIO**step) for cell in ended for step in steps
    ]


def _with_target(cell: Cell, episodes: int) -> Cell:
    assert cell.threshold is not None
    target = TargetSpecification(float(cell.threshold), episodes)
    return replace(cell, specification=replace(cell.specification, target=target))


def _at(cell: Cell, learning_rate: float) -> Cell:
    rounded = float(f"{learning_rate:.{DIGITS}g}")
    optimizer = replace(cell.specification.optimizer, learning_rate=rounded)
    return replace(cell, specification=replace(cell.specification, optimizer=optimizer))


def next_to_try(rates: Sequence[float], losses: Mapping[float, Loss]) -> list[float]:
    """Learning rates to try, given those that were tried; none if the search is over.

    rates: the whole grid, in rising order.
    """
    if not losses:
        middle = len(rates) // 2
        return list(rates[max(0, middle - 1) : middle + 2])
    at, last = rates.index(best(losses)), len(rates) - 1
    tried = [rates.index(rate) for rate in losses]
    below, above = [i for i in tried if i < at], [i for i in tried if i > at]
    wanted = {at - 1, at + 1}
    if below and not above and at < last:
        wanted = {min(last, at + 2 * (at - max(below)))}
    if above and not below and at > 0:
        wanted = {max(0, at - 2 * (min(above) - at))}
    return [rates[i] for i in sorted(wanted - set(tried)) if 0 <= i <= last]


def best(losses: Mapping[float, Loss]) -> float:
    """The learning rate of the smallest loss; of equals the smaller one."""
    return min(losses, key=lambda rate: (*losses[rate], rate))
