"""The short corridor with switched actions (Sutton & Barto 2018, Example 13.1)."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
from gymnasium import spaces

LEFT, RIGHT = 0, 1
SWITCHED_STATE = 1
GOAL_STATE = 3


def _next_state(state: int, action: int) -> int:
    forward = (action == RIGHT) != (state == SWITCHED_STATE)
    return state + 1 if forward else max(state - 1, 0)


class ShortCorridor(gymnasium.Env[Any, Any]):
    """Four states in a row, the last one terminal; every step pays -1.

    Actions: 0 left, 1 right. Left in the first state stays there; in the second state
    the two actions are swapped. All states look alike: the observation is always 0.
    `P[state][action]` lists (probability, next state, reward, terminated), as in
    Gymnasium's toy-text environments.
    """

    P: ClassVar = {
        state: {
            action: [(1.0, after, -1.0, after == GOAL_STATE)]
            for action in (LEFT, RIGHT)
            for after in [_next_state(state, action)]
        }
        for state in range(GOAL_STATE)
    }
    initial_state_distrib = (1.0, 0.0, 0.0)

    def __init__(self) -> None:
        self.observation_space = spaces.Discrete(1)
        self.action_space = spaces.Discrete(2)
        self.state = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Start in the first state. Returns the observation 0 and an empty info."""
        super().reset(seed=seed)
        self.state = 0
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Move one state; the reward is -1, on the last step too."""
        self.state = _next_state(self.state, action)
        return 0, -1.0, self.state == GOAL_STATE, False, {}
