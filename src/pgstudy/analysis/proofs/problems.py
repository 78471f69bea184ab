"""Problems that are small enough to list every trajectory with its probability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.estimators.weights import Array

Outcome = tuple[float, int, float, bool]  # probability, next state, reward, terminated
Table = Mapping[int, Mapping[int, Sequence[Outcome]]]  # P[state][action]


class Trajectory(NamedTuple):
    """What the policy was shown at each step, what it did, and what it got: [T] each.

    `probability`: of the trajectory, p_theta(tau).
    """

    shown: tuple[int, ...]
    actions: tuple[int, ...]
    rewards: tuple[float, ...]
    probability: float


@dataclass(frozen=True)
class Problem:
    """A model, begun in state 0, and a softmax policy with a parameter for each action
    in each state that it can tell from others.

    shown: what the policy is shown of each state. theta: [shown, actions]. Episodes are
    cut after `horizon` steps.
    """

    name: str
    model: Table
    shown: tuple[int, ...]
    theta: Array
    horizon: int

    @cached_property
    def trajectories(self) -> tuple[Trajectory, ...]:
        """All of them; their probabilities add up to 1."""
        return tuple(self._after(Trajectory((), (), (), 1.0), 0))

    def _after(self, begun: Trajectory, state: int) -> Iterator[Trajectory]:
        shown, actions, rewards, probability = begun
        if len(actions) == self.horizon:
            yield begun
            return
        for action, chance in enumerate(self.policy[self.shown[state]]):
            for transition, after, reward, ended in self.model[state][action]:
                longer = Trajectory(
                    (*shown, self.shown[state]),
                    (*actions, action),
                    (*rewards, reward),
                    probability * float(chance) * transition,
                )
                if ended:
                    yield longer
                else:
                    yield from self._after(longer, after)

    @cached_property
    def policy(self) -> Array:
        """pi(a | s), by what is shown: [shown, actions]."""
        odds = np.exp(self.theta)
        chances: Array = odds / odds.sum(1, keepdims=True)
        return chances

    @cached_property
    def scores(self) -> Array:
        """grad log pi(a_t | s_t) for each step of each trajectory: [trajectory, T, P].

        0 after its end. P: the parameters, row by row of theta.
        """
        every = np.zeros((len(self.trajectories), self.horizon, *self.theta.shape))
        for k, trajectory in enumerate(self.trajectories):
            steps = zip(trajectory.shown, trajectory.actions, strict=True)
            for t, (shown, action) in enumerate(steps):
                every[k, t, shown] = -self.policy[shown]
                every[k, t, shown, action] += 1
        return every.reshape(*every.shape[:2], -1)

    def gradient(self, gamma: float) -> Array:
        """grad J = sum_tau p(tau) (sum_t grad log pi_t) (sum_t gamma^t r_t): [P]."""
        found: Array = np.zeros(self.theta.size)
        for trajectory, scores in zip(self.trajectories, self.scores, strict=True):
            factors = gamma ** np.arange(len(trajectory.rewards))
            gained = float(factors @ trajectory.rewards)
            found += trajectory.probability * gained * scores.sum(0)
        return found


def _bandit() -> Problem:
    """Three arms, of which the best is not the likeliest."""
    model = {0: {a: [(1.0, 0, q, True)] for a, q in enumerate((0.0, 1.0, 5.0))}}
    return Problem("bandit", model, (0,), np.array([[0.5, 0.0, -0.5]]), 1)


def _corridor() -> Problem:
    """Sutton & Barto (2018), Example 13.1: all states look alike, each step pays -1."""
    theta = np.array([[0.0, 0.4]])
    return Problem("corridor", ShortCorridor.P, (0, 0, 0), theta, 4)


def _random_mdp(seed: int = 3) -> Problem:
    """Three states, two actions, one or two steps; chances and rewards are drawn."""
    generator = np.random.default_rng(seed)
    one, other = generator.uniform(0.2, 0.8, 2).round(2).tolist()
    pays = generator.normal(size=(4, 2)).round(2).tolist()
    second = {
        state: {a: [(1.0, 0, pays[state][a], True)] for a in range(2)}
        for state in (1, 2)
    }
    begin: dict[int, list[Outcome]] = {
        0: [(one, 0, pays[0][0], True), (1 - one, 1, pays[0][1], False)],
        1: [(other, 1, pays[3][0], False), (1 - other, 2, pays[3][1], False)],
    }
    theta = generator.normal(size=(3, 2)).round(2)
    return Problem("random MDP", {0: begin, **second}, (0, 1, 2), theta, 2)


PROBLEMS = (_bandit(), _corridor(), _random_mdp())
