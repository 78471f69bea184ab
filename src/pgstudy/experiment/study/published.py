"""Published values and figures that a study is held against, as data.

Read by `published_files`; what is measured is in `analysis.claims.acceptance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pgstudy.experiment.study.cell import Cell

OF_RUNS = ("mean_return", "action_probability", "stuck_share")
EXACT = ("exact_return", "exact_best")


@dataclass(frozen=True)
class Exact:
    """A policy that takes one of two actions with the same probability everywhere."""

    environment: str
    action: int


@dataclass(frozen=True)
class Check:
    """One value: what is measured, of which cell, and which distance passes.

    `measure` is one of OF_RUNS or EXACT. `standard_error` is that of a mean over
    `Published.runs` runs. `below` is a bound in place of a value.
    """

    id: str
    kind: Literal["published", "reference"]
    measure: str
    argument: Any
    why: str
    cell: Cell | None = None
    value: float | None = None
    below: float | None = None
    tolerance: float | None = None
    standard_error: float | None = None


@dataclass(frozen=True)
class PublishedFigure:
    """What a figure shows: returns by episode of some cells, or an exact return."""

    y: tuple[float, float]
    cells: tuple[Cell, ...] = ()
    line: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Published:
    """One figure, table or example of a publication; `name` is that of its file."""

    name: str
    source: str
    item: str
    page: int
    note: str
    runs: int
    exact: Exact | None
    figure: PublishedFigure | None
    checks: tuple[Check, ...]

    @property
    def slug(self) -> str:
        """The item as a file name: figure-13.1."""
        return self.item.lower().replace(" ", "-")

    def with_cells(self, change: Callable[[Cell], Cell]) -> Published:
        """The same about other cells."""
        checks = tuple(replace(c, cell=c.cell and change(c.cell)) for c in self.checks)
        figure = self.figure
        if figure is not None:
            figure = replace(figure, cells=tuple(map(change, figure.cells)))
        return replace(self, checks=checks, figure=figure)
