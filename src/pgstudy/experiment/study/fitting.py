"""A run's specification, fitted to its environment."""

from __future__ import annotations

from dataclasses import replace

from pgstudy.experiment.provenance.own_parts import network_fault
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.environments.actions import Continuous, Finite
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.specification import PolicySpecification, RunSpecification


def fitted(specification: RunSpecification, layout: Layout | None) -> RunSpecification:
    """The same, without settings that do nothing in this environment.

    Two cells that differ in nothing that acts are so one run. `layout` is None where
    the environment can't be used anyway. Errors: ConfigError.
    """
    policy = specification.policy
    if layout is not None and layout.one_hot and policy.normalise_observations:
        cause = "its observations are integers, shown one-hot"
        raise ConfigError([f"policy.normalise_observations can't be used: {cause}"])
    if layout is not None and policy.initial_probabilities is not None:
        _require_probabilities(policy.initial_probabilities, layout)
    if policy.network is not None:
        policy = _with_network(policy, layout)
    if not policy.hidden:
        policy = replace(policy, activation="tanh", init="default")
    if layout is not None and not isinstance(layout.actions, Continuous):
        policy = replace(policy, log_std=0.0)
    return replace(specification, policy=policy)


def _with_network(
    policy: PolicySpecification, layout: Layout | None
) -> PolicySpecification:
    """A policy with a network of a user's own, which has been tried."""
    if policy.initial_probabilities is not None:
        cause = "they belong to the built-in layers"
        raise ConfigError([f"policy.initial_probabilities can't be used: {cause}"])
    policy = replace(policy, hidden=())
    if layout is not None and (reason := network_fault(policy, layout)):
        name = f"policy.network: {policy.network}"
        raise ConfigError([f"{name} can't be used: {reason}"])
    return policy


def _require_probabilities(given: tuple[float, ...], layout: Layout) -> None:
    if not isinstance(layout.actions, Finite):
        cause = "there are some for Discrete actions only"
    elif len(given) != layout.actions.size:
        cause = f"there are {len(given)}, and {layout.actions.size} actions"
    elif abs(sum(given) - 1) > 1e-9:
        cause = f"their sum is {sum(given):g}, not 1"
    else:
        return
    raise ConfigError([f"policy.initial_probabilities can't be used: {cause}"])
