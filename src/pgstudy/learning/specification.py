"""What one REINFORCE training is: everything that decides its numbers but the seed.

This module imports neither torch nor gymnasium, so that planning a study of many runs
stays cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Baseline = Literal["none", "leave-one-out", "running-mean"]
BudgetUnit = Literal["env_steps", "updates", "episodes"]


@dataclass(frozen=True)
class EnvironmentSpecification:
    """A registered Gymnasium environment; episodes are cut at `max_episode_steps`."""

    id: str
    kwargs: Mapping[str, Any]
    max_episode_steps: int


@dataclass(frozen=True)
class OptimizerSpecification:
    """`sgd` is theta <- theta + alpha grad J; `adam` is Kingma & Ba (2015).

    With the schedule `linear`, alpha falls linearly from `learning_rate` to 0 over the
    budget; with `constant` it stays.
    """

    name: Literal["sgd", "adam"]
    learning_rate: float
    schedule: Literal["constant", "linear"]


@dataclass(frozen=True)
class Budget:
    """A run goes on while fewer than `amount` units are spent; updates are whole."""

    unit: BudgetUnit
    amount: int


@dataclass(frozen=True)
class RunSpecification:
    """One cell of a study, made concrete: N trajectories per update and how to learn.

    `hidden` lists the widths of the tanh layers; empty means a linear policy.
    `evaluation_episodes` fresh episodes are run with the untrained and with the final
    policy (0: none).
    """

    environment: EnvironmentSpecification
    n: int
    baseline: Baseline
    hidden: tuple[int, ...]
    optimizer: OptimizerSpecification
    budget: Budget
    evaluation_episodes: int

    def to_dict(self) -> dict[str, Any]:
        """The specification as plain JSON types; `from_dict` is its inverse."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSpecification:
        """Build from `to_dict`'s output. Errors: KeyError, TypeError if it is not."""
        return cls(
            environment=EnvironmentSpecification(**data["environment"]),
            n=data["n"],
            baseline=data["baseline"],
            hidden=tuple(data["hidden"]),
            optimizer=OptimizerSpecification(**data["optimizer"]),
            budget=Budget(**data["budget"]),
            evaluation_episodes=data["evaluation_episodes"],
        )
