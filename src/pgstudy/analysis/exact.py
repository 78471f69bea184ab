"""Exact returns, without sampling, in environments that hand out their model.

The model is the table `P` of Gymnasium's toy-text environments: `P[state][action]`
lists (probability, next state, reward, terminated).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from pgstudy.analysis.statistics import Array
from pgstudy.learning import environments
from pgstudy.learning.spaces import UnusableEnvironment


@dataclass(frozen=True)
class Model:
    """S states, A actions: transitions [S, A, S] (0 into an end), rewards [S, A]
    expected, start [S].
    """

    transitions: Array
    rewards: Array
    start: Array


def model(environment_id: str) -> Model:
    """An environment's own model. Errors: UnusableEnvironment, if it has none."""
    environment: Any = environments.registered(environment_id).make().unwrapped
    table = getattr(environment, "P", None)
    if table is None:
        raise UnusableEnvironment("it has no table P of transitions")
    states, actions = len(table), len(next(iter(table.values())))
    transitions, rewards = (
        np.zeros((states, actions, states)),
        np.zeros((states, actions)),
    )
    for state, row in table.items():
        for action, outcomes in row.items():
            for probability, after, reward, terminated in outcomes:
                rewards[state, action] += probability * reward
                if not terminated:
                    transitions[state, action, after] += probability
    return Model(transitions, rewards, np.array(environment.initial_state_distrib))


def expected_return(known: Model, policy: Array) -> float:
    """J = start . (I - P_pi)^-1 r_pi, without discount. policy: [A] or [S, A].

    Sutton & Barto (2018), equation 4.4 solved. NaN if some state never leads to an end.
    """
    policy = np.broadcast_to(policy, known.rewards.shape)
    steps = np.einsum("sa,sat->st", policy, known.transitions)
    rewards = (policy * known.rewards).sum(1)
    try:
        values = np.linalg.solve(np.eye(len(steps)) - steps, rewards)
    except np.linalg.LinAlgError:
        return float("nan")
    return float(known.start @ values)


def return_at(known: Model, action: int, probability: float) -> float:
    """J where one of two actions has this probability in every state."""
    policy = np.full(2, 1 - probability)
    policy[action] = probability
    return expected_return(known, policy)


def best(known: Model, action: int) -> tuple[float, float]:
    """The p with the largest J(p), and that J, where J has one maximum."""
    found = scipy.optimize.minimize_scalar(
        lambda p: -return_at(known, action, p), bounds=(0, 1), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    return float(found.x), -float(found.fun)
