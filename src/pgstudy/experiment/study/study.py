"""A study: what one config file describes."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pgstudy.experiment.study.cell import Block, Cell, LeftOut, rivals
from pgstudy.experiment.study.jobs import seeds_of_a_job
from pgstudy.experiment.study.published import Published


@dataclass(frozen=True)
class Tradeoff:
    """What a trade-off study says of itself.

    `episodes`: of the test for the threshold. `grid`: steps of the ratio sqrt 2 that a
    learning rate may lie from the configured one, to each side.
    """

    episodes: int
    grid: int


@dataclass(frozen=True)
class Study:
    """What one config file describes."""

    name: str
    seeds: tuple[int, ...]
    seeds_per_job: int | None
    bins: int
    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]
    published: tuple[Published, ...]
    verify: Literal["one-per-cell", "all"]
    gradients: Mapping[str, int] | None
    tune_seeds: tuple[int, ...]
    config: Mapping[str, Any]
    job_minutes: float = 15
    tradeoff: Tradeoff | None = None

    def now(self) -> Study:
        """The study with the code and versions that are here now, see `Identity.now`.

        Runs that were planned with others are not its runs: they count as missing.
        """
        published = tuple(item.with_cells(Cell.now) for item in self.published)
        cells = tuple(cell.now() for cell in self.cells)
        return replace(self, cells=cells, published=published)

    def blocks(self) -> Iterator[Block]:
        """Every block of the study, cell by cell."""
        return iter(self._blocks)

    @functools.cached_property
    def _blocks(self) -> tuple[Block, ...]:
        """Made once, since they know the keys of their runs."""
        return tuple(
            Block(cell, self.seeds[start : start + size])
            for cell in self.cells
            for size in [self.seeds_per_job or seeds_of_a_job(cell)]
            for start in range(0, len(self.seeds), size)
        )

    def cells_of(self, environment: str, estimator: str | None = None) -> list[Cell]:
        """The cells of an environment (and estimator), in the order of the config."""
        here = [c for c in self.cells if c.environment == environment]
        return [c for c in here if estimator in (None, c.estimator)]

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the environments, in the order of the config."""
        return tuple(dict.fromkeys(cell.environment for cell in self.cells))

    @property
    def estimators(self) -> tuple[str, ...]:
        """Names of the estimators, in the order of the config."""
        return tuple(dict.fromkeys(cell.estimator for cell in self.cells))

    @property
    def sample_counts(self) -> tuple[int, ...]:
        """Every N that some cell has, in rising order."""
        return tuple(sorted({cell.n for cell in self.cells}))

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """Every learning rate that some cell has, in rising order."""
        return tuple(sorted({cell.learning_rate for cell in self.cells}))

    @property
    def searches(self) -> bool:
        """Whether it is the study that tunes a trade-off study, by a search."""
        if self.tradeoff is None or self.tune_seeds:
            return False
        return len(rivals(self.cells)) < len(self.cells)

    @property
    def sweeps_learning_rates(self) -> bool:
        """Whether several of one environment, estimator and N are shown."""
        if self.tune_seeds:
            return False  # one of them is chosen
        return len(rivals(self.cells)) < len(self.cells)

    def unit(self, environment: str) -> Literal["env_steps", "episodes"]:
        """What an environment's curves run over: episodes if all its budgets do."""
        budgets = [c.specification.budget for c in self.cells_of(environment)]
        episodes = all(budget.unit == "episodes" for budget in budgets)
        return "episodes" if episodes else "env_steps"
