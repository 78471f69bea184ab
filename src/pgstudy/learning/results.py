"""What one training leaves: numbers only, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Training:
    """What one run leaves: numbers only.

    updates: columns with a row per update (update, env_steps, episodes, learning_rate,
    gradient_norm, mean_return, std_return, mean_length, truncated_share); counts are
    totals after the update, returns are those of its batch.
    episodes: columns with a row per trajectory (update, trajectory, return, length,
    terminated). policy: the final weights by name.
    evaluation: returns [E] of the untrained and of the final policy.
    diverged_at: the first update whose gradient or weights were not finite.
    """

    status: Literal["finished", "diverged"]
    updates: Mapping[str, Column]
    episodes: Mapping[str, Column]
    policy: Mapping[str, torch.Tensor]
    evaluation: Mapping[Literal["untrained", "final"], Column]
    diverged_at: int | None

    def digest(self) -> str:
        """SHA-256 over the weights, every column and the evaluation, in hex."""
        arrays: dict[str, Column] = {
            **{f"policy.{k}": v.numpy() for k, v in self.policy.items()},
            **{f"updates.{k}": v for k, v in self.updates.items()},
            **{f"episodes.{k}": v for k, v in self.episodes.items()},
            **{f"evaluation.{k}": v for k, v in self.evaluation.items()},
        }
        digest = hashlib.sha256(self.status.encode())
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()
