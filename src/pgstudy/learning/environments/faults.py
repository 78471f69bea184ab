"""What is wrong with an environment, and numbers that it hands out."""

from __future__ import annotations

import contextlib
import reprlib
from typing import Any

import numpy as np

SCALARS = (int, np.integer, np.floating, np.bool_)
NUMERIC = "biufO"  # numpy's letters; O may be a number that numpy does not know


class UnusableEnvironment(ValueError):
    """An environment that a study can't use; the message says why and what to do."""


class EnvironmentFault(RuntimeError):
    """An environment raised, or handed out what no training can use."""


def fault(error: BaseException) -> EnvironmentFault:
    """What an environment raised, as the reason why a run ends."""
    if isinstance(error, EnvironmentFault):
        return error
    return EnvironmentFault(f"the environment raised {type(error).__name__}: {error}")


def as_number(reward: Any) -> float:
    """One reward, of whatever numeric type, as it is now. Errors: EnvironmentFault."""
    if isinstance(reward, SCALARS):
        return float(reward)
    return as_numbers(reward, 1)[0]


def as_numbers(rewards: Any, count: int) -> list[float]:
    """K rewards in an array of any shape and type. Errors: EnvironmentFault."""
    array = np.asarray(rewards)
    if array.dtype.kind in NUMERIC and array.size == count:
        with contextlib.suppress(TypeError, ValueError):
            return [float(one) for one in array.ravel().tolist()]
    found = reprlib.repr(rewards)
    raise EnvironmentFault(
        f"the environment gave a reward that is not a number: {found}"
    )
