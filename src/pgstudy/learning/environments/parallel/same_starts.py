"""Groups of environments that begin their episodes in the same state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.layers import (
    generator_states,
    seed_spaces,
    set_generator_states,
)
from pgstudy.learning.environments.parallel.environment_list import EnvironmentList
from pgstudy.learning.environments.spaces import Rows
from pgstudy.learning.specification import EnvironmentSpecification


class SameStarts(EnvironmentList):
    """N environments in groups of `size`, side by side.

    A group begins each episode in a start state of its own; what follows is independent
    given that state. For this, all environments of a group are reset with one seed, and
    then each gets its own generators back. It takes an environment in which nothing
    but its generators decides the start.
    """

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[int], size: int
    ) -> None:
        """Errors: UnusableEnvironment, for one that can't, or is not known to."""
        if specification.vectorize:
            raise UnusableEnvironment("not with 'vectorize', where lanes share a seed")
        super().__init__(specification, seeds)
        if not self._resumable:
            self.close()
            raise UnusableEnvironment(
                "a seed is known to decide how episodes begin in Gymnasium's own "
                "environments and in ShortCorridor alone"
            )
        self._size = size
        self._starts = np.random.default_rng(seeds)  # of the run, as its lanes are

    def _reset(self, rows: Rows) -> None:
        if self._seeds[0] is not None:
            super()._reset(rows)  # with generators of their own
        starts = self._starts.integers(2**63, size=self.count // self._size)
        every = zip(
            self._environments, starts.repeat(self._size).tolist(), rows, strict=True
        )
        for environment, start, row in every:
            own = generator_states(environment)
            seed_spaces(environment, start)
            observation, _ = environment.reset(seed=start)
            set_generator_states(environment, own)
            self.layout.write(observation, row)
        self._steps = [environment.step for environment in self._environments]

    def state(self) -> Any:
        """See `EnvironmentList.state`."""
        return {"own": super().state(), "starts": self._starts.bit_generator.state}

    def restore(self, saved: Any) -> None:
        """The inverse of `state`, for new environments."""
        super().restore(saved["own"])
        self._starts.bit_generator.state = saved["starts"]
