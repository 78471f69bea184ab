"""Specifications for tests."""

from typing import Any

from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    OptimizerSpecification,
    RunSpecification,
)


def specification(**changes: Any) -> RunSpecification:
    """A short CartPole run; keyword arguments replace parts of it."""
    parts: dict[str, Any] = {
        "environment": EnvironmentSpecification("CartPole-v1", {}, 500),
        "n": 4,
        "baseline": "none",
        "hidden": (8,),
        "optimizer": OptimizerSpecification("sgd", 1e-3, "constant"),
        "budget": Budget("updates", 5),
        "evaluation_episodes": 3,
    }
    return RunSpecification(**parts | changes)


def corridor(cap: int = 100) -> EnvironmentSpecification:
    return EnvironmentSpecification("ShortCorridor-v0", {}, cap)
