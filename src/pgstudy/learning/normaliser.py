"""Running standardisation of observations, as part of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.spaces import Floats

SMALLEST_DEVIATION = 1e-4


class Normaliser:
    """x -> clip((x - mean) / deviation, -10, 10), with the statistics of `update`.

    The statistics stay fixed while a batch is sampled and differentiated, so the
    policy of a batch is one function. Before any update only the clip acts.
    """

    LIMIT = 10.0

    def __init__(self, size: int) -> None:
        self.mean: Floats = np.zeros(size, np.float32)
        self.scale: Floats = np.ones(size, np.float32)
        self.count = 0
        self._exact_mean = np.zeros(size)
        self._squares = np.zeros(size)  # sum of squared distances from the mean

    def update(self, observations: Floats) -> None:
        """Merge the statistics of a batch (Chan et al. 1983). observations: [M, d]."""
        rows = observations.astype(np.float64)
        mean, count = rows.mean(0), len(rows)
        shift, total = mean - self._exact_mean, self.count + count
        self._squares += ((rows - mean) ** 2).sum(0)
        self._squares += shift**2 * self.count * count / total
        self._exact_mean += shift * count / total
        self.count = total
        deviation = np.sqrt(self._squares / total)
        self.mean[:] = self._exact_mean
        # a feature that never varied is only centred
        self.scale[:] = 1 / np.where(deviation < SMALLEST_DEVIATION, 1, deviation)

    def numpy_outputs(self, inputs: Floats) -> Floats:
        """[K, d] -> [K, d]."""
        result: Floats = (inputs - self.mean) * self.scale
        return np.clip(result, -self.LIMIT, self.LIMIT, out=result)

    def torch_outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """[M, d] -> [M, d]."""
        result = (inputs - torch.from_numpy(self.mean)) * torch.from_numpy(self.scale)
        return result.clamp(-self.LIMIT, self.LIMIT)

    def state(self) -> dict[str, Any]:
        """See `checkpoint`."""
        return vars(self)

    def restore(self, saved: dict[str, Any]) -> None:
        """See `checkpoint`."""
        vars(self).update(saved)

    def saved(self) -> dict[str, torch.Tensor]:
        """The statistics, to be saved with the policy."""
        return {
            "observations.mean": torch.from_numpy(self.mean),
            "observations.scale": torch.from_numpy(self.scale),
            "observations.count": torch.tensor(self.count),
        }

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """The inverse of `saved`, for outputs; `update` would need more."""
        self.mean[:] = arrays["observations.mean"]
        self.scale[:] = arrays["observations.scale"]
        self.count = int(arrays["observations.count"])
