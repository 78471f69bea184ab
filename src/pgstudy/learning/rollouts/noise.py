"""The noise that a policy turns into actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgstudy.learning.environments.spaces import Floats

NOISE_CHUNK = 4096


class NoiseStream:
    """Rows of one stream of noise, drawn ahead in chunks from one generator."""

    def __init__(
        self,
        draw: Callable[[np.random.Generator, int], Floats],
        generator: np.random.Generator,
    ) -> None:
        self._draw = draw
        self._generator = generator
        self._rows = draw(generator, 0)
        self._used = 0

    def ahead(self, count: int, steps: int = 1) -> Floats:
        """The next rows, `count` at a time: [K, count, width], K >= steps.

        None is used up until `skip` says so.
        """
        if self._used + count * steps > len(self._rows):
            fresh = self._draw(self._generator, max(NOISE_CHUNK, count * steps))
            self._rows = np.concatenate([self._rows[self._used :], fresh])
            self._used = 0
        left = self._rows[self._used :]
        return left[: len(left) // count * count].reshape(-1, count, left.shape[1])

    def skip(self, count: int) -> None:
        """So many rows of those ahead have been used."""
        self._used += count

    def state(self) -> dict[str, Any]:
        """See `Trainer.state`."""
        generator = self._generator.bit_generator.state
        return {"generator": generator, "rows": self._rows[self._used :]}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._generator.bit_generator.state = saved["generator"]
        self._rows, self._used = saved["rows"], 0
