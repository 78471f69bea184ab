"""Exact returns, without sampling, in environments that hand out their model.

The model is the table `P` of Gymnasium's toy-text environments: `P[state][action]`
lists (probability, next state, reward, terminated).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize

from pgstudy.analysis.statistics.basics import Array
from pgstudy.learning.environments import registry
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.specification import EnvironmentSpecification

if TYPE_CHECKING:
    from pgstudy.learning.policies.distributions import Policy

NO_MORE = 1e-15  # the share of episodes still under way that is as good as none


@dataclass(frozen=True)
class Model:
    """S states, A actions: transitions [S, A, S] (0 into an end), rewards [S, A]
    expected, start [S].
    """

    transitions: Array
    rewards: Array
    start: Array


def model(environment_id: str, kwargs: Mapping[str, Any] | None = None) -> Model:
    """An environment's own model. Errors: UnusableEnvironment, if it has none."""
    registered = registry.registered(environment_id)
    environment: Any = registered.make(**(kwargs or {})).unwrapped
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


def cut_return(known: Model, policy: Array, most: int) -> float:
    """J of episodes that are cut after so many steps. policy: [S, A]."""
    steps = np.einsum("sa,sat->st", policy, known.transitions)
    rewards, states, total = (policy * known.rewards).sum(1), known.start, 0.0
    for _ in range(most):
        total += float(states @ rewards)
        states = states @ steps
        if states.sum() < NO_MORE:
            break
    return total


def return_at(known: Model, action: int, probability: float) -> float:
    """J where one of two actions has this probability in every state."""
    policy = np.full(2, 1 - probability)
    policy[action] = probability
    return expected_return(known, policy)


def policy_gradient(
    policy: Policy, layout: Layout, specification: EnvironmentSpecification
) -> Array | None:
    """grad J of episodes that are cut as in training: [P].

    None where the environment hands out no model, or its observations are not its
    states (or always the same), or wrappers may make another one of it.
    """
    known = _known(layout, specification)
    return None if known is None else _gradient(policy, layout, known, specification)


def _known(layout: Layout, specification: EnvironmentSpecification) -> Model | None:
    try:
        wrapped = registry.registered(specification.id).additional_wrappers
        known = model(specification.id, specification.kwargs)
    except UnusableEnvironment:
        return None
    shown = layout.one_hot and layout.inputs in (1, len(known.start))
    return None if wrapped or specification.wrappers or not shown else known


def _gradient(
    policy: Policy,
    layout: Layout,
    known: Model,
    specification: EnvironmentSpecification,
) -> Array:
    import torch  # late: drawing a figure of exact returns needs none

    shown = np.arange(len(known.start)) % layout.inputs
    inputs = torch.from_numpy(np.eye(layout.inputs, dtype=np.float32)[shown])
    transitions, rewards = map(torch.from_numpy, (known.transitions, known.rewards))
    probabilities = policy.network.torch_outputs(inputs).double().softmax(1)
    steps = torch.einsum("sa,sat->st", probabilities, transitions)
    reward = (probabilities * rewards).sum(1)
    states, value = torch.from_numpy(known.start), torch.zeros(())
    for _ in range(specification.max_episode_steps):
        value = value + states @ reward
        states = states @ steps
        if float(states.detach().sum()) < NO_MORE:
            break
    return policy.parameters.autograd([value]).astype(np.float64)


def best(known: Model, action: int) -> tuple[float, float]:
    """The p with the largest J(p), and that J, where J has one maximum."""
    found = scipy.optimize.minimize_scalar(
        lambda p: -return_at(known, action, p),
        bounds=(0, 1),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.x), -float(found.fun)
