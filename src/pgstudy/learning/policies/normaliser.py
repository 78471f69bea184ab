"""Running standardisation of observations, as part of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.environments.spaces import Floats, Rows

Doubles = npt.NDArray[np.float64]
LIMIT = 10.0
ROUNDING = 4 * np.finfo(np.float64).eps  # of a mean: a spread below says nothing


def standardised(inputs: Rows, mean: Doubles, scale: Doubles) -> Floats:
    """clip((x - mean) scale, -LIMIT, LIMIT): float64 [..., d] -> float32 [..., d]."""
    result = (inputs - mean) * scale
    result.clip(-LIMIT, LIMIT, result)  # half the overhead of np.clip
    return result.astype(np.float32)


class Normaliser:
    """x -> clip((x - mean) / deviation, -10, 10), with the statistics of `update`.

    Nothing depends on the units of an observation: a feature is shown as 0 as long as
    it has not varied, so before any update all of them are. Observations stay float64
    until they are standardised.
    The statistics stay fixed while a batch is sampled and differentiated, so the
    policy of a batch is one function.
    """

    def __init__(self, size: int) -> None:
        self.mean: Doubles = np.zeros(size)
        self.scale: Doubles = np.zeros(size)
        self.count = 0
        self._origin: Doubles = np.zeros(size)  # distances from it lose no digits
        self._distance: Doubles = np.zeros(size)  # of the mean from the origin
        self._squares: Doubles = np.zeros(size)  # sum of squared distances from there

    def update(self, observations: Rows) -> None:
        """Merge the statistics of a batch (Chan et al. 1983). observations: [M, d]."""
        if self.count == 0:
            self._origin[:] = observations[0]
        rows = observations - self._origin
        mean, count = rows.mean(0), len(rows)
        shift, total = mean - self._distance, self.count + count
        self._squares += ((rows - mean) ** 2).sum(0)
        self._squares += shift**2 * self.count * count / total
        self._distance += shift * count / total
        self.count = total
        self.mean[:] = self._origin + self._distance
        deviation = np.sqrt(self._squares / total)
        varied = deviation > ROUNDING * abs(self.mean)
        self.scale[:] = np.where(varied, 1 / np.where(varied, deviation, 1), 0)

    def numpy_outputs(self, inputs: Rows) -> Floats:
        """float64 [K, d] -> float32 [K, d]."""
        return standardised(inputs, self.mean, self.scale)

    def torch_outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """float64 [M, d] -> float32 [M, d]."""
        result = (inputs - torch.from_numpy(self.mean)) * torch.from_numpy(self.scale)
        return result.clamp(-LIMIT, LIMIT).float()

    def state(self) -> dict[str, Any]:
        """See `Trainer.state`."""
        return vars(self)

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
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
