"""What an update of a run was: the numbers that a page shows."""

from __future__ import annotations

from dataclasses import dataclass

from pgstudy.learning.estimators.weights import Array


@dataclass(frozen=True)
class Policy:
    """theta: [P]; chances: pi(a | s), [states, actions]; J, if that is known."""

    theta: Array
    chances: Array
    expected: float | None


@dataclass(frozen=True)
class Played:
    """One trajectory: state, action, reward and weight w_t of each step; and

    score: sum_t grad log pi(a_t | s_t); term: sum_t w_t grad log pi(a_t | s_t): [P].
    """

    states: list[int]
    actions: list[int]
    rewards: list[float]
    weights: list[float]
    score: Array
    term: Array


@dataclass(frozen=True)
class Update:
    """Update `number` of a run, from 1, with all that it did.

    scores: grad log pi(a | s) before it, [states, actions, P]. estimate: the mean of
    the trajectories' terms. exact: grad J, if the environment hands out its model.
    """

    number: int
    learning_rate: float
    before: Policy
    scores: Array
    played: list[Played]
    estimate: Array
    exact: Array | None
    after: Policy
