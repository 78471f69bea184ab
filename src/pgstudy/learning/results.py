"""What one training leaves: numbers only, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from pgstudy.learning.rollouts import columns
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.rollouts.columns import Column

Status = Literal["finished", "diverged", "stuck"]
Evaluation = Literal["untrained", "final"]


@dataclass(frozen=True)
class Training:
    """What one run leaves: numbers only.

    updates: columns with a row per update (update, env_steps, episodes, learning_rate,
    gradient_norm, entropy, mean_return, std_return, mean_length, truncated_share);
    counts are totals after the update, returns are those of its batch, and so is the
    entropy: the policy's in nats, a mean over the states it visited. A run with a
    target has test_return, NaN where the policy was not tested. One whose N adapts has
    trajectories, the N of the update, and noise_scale, which that of the next follows.
    episodes: columns with a row per trajectory (update, trajectory, return, length,
    terminated). policy: everything that makes the final policy, by name. milestones:
    the same of earlier policies, as `start/<name>` and `middle/<name>` (of the budget),
    and with each, as with the final one (`end/`), what its baseline remembered.
    evaluation: returns [E] of the untrained and of the final policy.
    stopped_at: the update at which a run that is diverged or stuck ended, and `reason`
    why. global_generators: those of the process that the run drew from. warnings: what
    its numbers suffer from. The last two are not part of the digest.
    """

    status: Status
    updates: Mapping[str, Column]
    episodes: Mapping[str, Column]
    policy: Mapping[str, torch.Tensor]
    milestones: Mapping[str, Column]
    evaluation: Mapping[Evaluation, Column]
    stopped_at: int | None = None
    reason: str | None = None
    global_generators: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 over the weights, every column and the evaluation, in hex."""
        arrays: dict[str, Column] = {
            **{f"policy.{k}": v.numpy() for k, v in self.policy.items()},
            **{f"milestones.{k}": v for k, v in self.milestones.items()},
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


def _nothing_spent() -> dict[str, int]:
    return {"env_steps": 0, "updates": 0, "episodes": 0}


def _not_evaluated() -> dict[Evaluation, Column]:
    return {"untrained": np.empty(0), "final": np.empty(0)}


@dataclass
class History:
    """What a run has left so far, N trajectories an update; see `Training`.

    Tables are made at the end. `spent`: units of a budget.
    """

    n: int
    learning_rates: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    test_returns: dict[str, float] = field(default_factory=dict)
    noise_scales: dict[str, float] = field(default_factory=dict)
    returns: list[Column] = field(default_factory=list)
    lengths: list[Column] = field(default_factory=list)
    terminated: list[Column] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=_nothing_spent)
    milestones: dict[str, Column] = field(default_factory=dict)
    evaluation: dict[Evaluation, Column] = field(default_factory=_not_evaluated)
    warnings: tuple[str, ...] = ()

    def sampled(self, batch: Batch, learning_rate: float) -> None:
        """Begin a new update's row."""
        self.spent["env_steps"] += len(batch.inputs)
        self.spent["updates"] += 1
        self.spent["episodes"] += len(batch.lengths)
        self.learning_rates.append(learning_rate)
        self.gradient_norms.append(np.nan)
        self.entropies.append(np.nan)
        self.returns.append(batch.returns)
        self.lengths.append(batch.lengths)
        self.terminated.append(batch.terminated)

    def estimated(self, norm: float, entropy: float) -> None:
        """Complete it: the norm of the gradient, and the policy's mean entropy."""
        self.gradient_norms[-1] = norm
        self.entropies[-1] = entropy

    def scaled(self, noise: float | None) -> None:
        """Note the noise scale after the last update, of a run whose N adapts."""
        if noise is not None:
            self.noise_scales[str(self.spent["updates"])] = noise

    def tested(self, mean_return: float) -> None:
        """Note what a test after the last update found, see `evaluation`."""
        self.test_returns[str(self.spent["updates"])] = mean_return

    def keeps(self, milestone: str) -> bool:
        """Whether a milestone is there already."""
        return any(name.startswith(f"{milestone}/") for name in self.milestones)

    def keep(self, milestone: str, arrays: Mapping[str, Column]) -> None:
        """Add to a milestone: `start`, `middle` or `end`."""
        self.milestones |= {f"{milestone}/{k}": v for k, v in arrays.items()}

    def training(
        self, policy: Mapping[str, torch.Tensor], status: Status, reason: str | None
    ) -> Training:
        """The result of a run that ends now, for this reason if it was stopped."""
        stopped_at = None if status == "finished" else max(1, self.spent["updates"])
        return Training(
            status=status,
            updates=self.updates(),
            episodes=self.episodes(),
            policy=policy,
            milestones=self.milestones,
            evaluation=self.evaluation,
            stopped_at=stopped_at,
            reason=reason,
            warnings=self.warnings,
        )

    def state(self) -> dict[str, Any]:
        """See `Trainer.state`; trajectories in one array for all updates."""
        return vars(self) | {
            "learning_rates": np.array(self.learning_rates, np.float64),
            "gradient_norms": np.array(self.gradient_norms, np.float64),
            "entropies": np.array(self.entropies, np.float64),
            "returns": np.concatenate(self.returns),
            "lengths": np.concatenate(self.lengths),
            "terminated": np.concatenate(self.terminated),
            "trajectories": columns.counts(self.lengths),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        every = dict(saved)
        ends = every.pop("trajectories").cumsum()[:-1]
        for name in ("returns", "lengths", "terminated"):
            every[name] = np.split(every[name], ends)
        for name, value in every.items():
            old = getattr(self, name)
            if isinstance(old, dict):
                old.update(value)
            else:  # JSON has lists for tuples
                setattr(self, name, value if name == "n" else type(old)(value))

    def updates(self) -> dict[str, Column]:
        """See `Training.updates`."""
        n, count = columns.counts(self.lengths), np.arange(1, len(self.lengths) + 1)
        steps = columns.each(np.sum, self.lengths, self.n)
        found = {
            "update": count,
            "env_steps": steps.cumsum(dtype=np.int64),
            "episodes": n.cumsum(),
            "learning_rate": np.array(self.learning_rates, np.float64),
            "gradient_norm": np.array(self.gradient_norms, np.float64),
            "entropy": np.array(self.entropies, np.float64),
            "mean_return": columns.each(np.mean, self.returns, self.n),
            "std_return": columns.each(np.std, self.returns, self.n),
            "mean_length": columns.each(np.mean, self.lengths, self.n),
            "truncated_share": 1 - columns.each(np.mean, self.terminated, self.n),
        }
        if self.test_returns:
            found["test_return"] = columns.after(count, self.test_returns)
        if self.noise_scales:
            found["trajectories"] = n
            found["noise_scale"] = columns.after(count, self.noise_scales)
        return found

    def episodes(self) -> dict[str, Column]:
        """See `Training.episodes`."""
        return columns.of_trajectories(self.returns, self.lengths, self.terminated)
