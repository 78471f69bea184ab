"""N environments to step at once: what all kinds of them have in common."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.spaces import Actions, Layout, Rows, fault


class Ended(NamedTuple):
    """Which of the K environments just stepped ended, and which by terminating."""

    ended: npt.NDArray[np.bool_]
    terminated: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, terminated: npt.ArrayLike, truncated: npt.ArrayLike) -> Ended | None:
        """From the flags of a step: [K] each. None if no environment has ended."""
        by_terminating = np.array(terminated, np.bool_)
        over = by_terminating | np.asarray(truncated, np.bool_)
        return cls(over, by_terminating) if over.any() else None


class ParallelEnvironments(abc.ABC):
    """N environments, of which those still in their episode are stepped.

    Each is stepped to the end of its episode and then left alone until the next
    `reset`, so that no row of an automatic reset is ever counted.
    """

    layout: Layout
    count: int

    def reset(self, rows: Rows) -> None:
        """Start an episode in each; observations go to rows: [N, inputs].

        Errors: EnvironmentFault, for whatever an environment raises.
        """
        try:
            self._reset(rows)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error

    def step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """Step the K environments that are alive.

        The observations of those that stay alive go to the first of rows: [K, inputs];
        K rewards are appended. Returns None if none ended.
        Errors: EnvironmentFault, for whatever an environment raises.
        """
        try:
            return self._step(actions, rows, rewards)
        except Exception as error:  # an environment may raise anything
            raise fault(error) from error

    @abc.abstractmethod
    def _reset(self, rows: Rows) -> None:
        """What `reset` does."""

    @abc.abstractmethod
    def _step(self, actions: Actions, rows: Rows, rewards: list[float]) -> Ended | None:
        """What `step` does."""

    @abc.abstractmethod
    def state(self) -> Any:
        """Between two episodes, all that the next ones depend on; None if unknown."""

    @abc.abstractmethod
    def restore(self, saved: Any) -> None:
        """The inverse of `state`, for new environments."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the environments."""
