"""Gymnasium environments: which can be used, and how a run makes its own."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec, find_highest_version

from pgstudy.learning.specification import EnvironmentSpecification

Environment = gymnasium.Env[Any, Any]

gymnasium.register(
    id="ShortCorridor-v0",
    entry_point="pgstudy.learning.corridor:ShortCorridor",
    max_episode_steps=1000,
)


class UnusableEnvironment(ValueError):
    """An environment that a study can't use; the message says why and what to do."""


@dataclass(frozen=True)
class Facts:
    """What is known of an environment without running it."""

    max_episode_steps: int | None
    reward_threshold: float | None


def registered(environment_id: str) -> EnvSpec:
    """The registry's entry. Errors: UnusableEnvironment if unknown or outdated."""
    try:
        spec = gymnasium.spec(environment_id)
    except gymnasium.error.Error as error:
        raise UnusableEnvironment(str(error)) from None
    newest = find_highest_version(spec.namespace, spec.name)
    if spec.version is not None and newest is not None and spec.version < newest:
        raise UnusableEnvironment(f"it is outdated; use {spec.name}-v{newest}")
    return spec


@functools.cache
def facts(environment_id: str) -> Facts:
    """Step limit and reward threshold. Errors: UnusableEnvironment."""
    spec = registered(environment_id)
    return Facts(spec.max_episode_steps, spec.reward_threshold)


def _open(environment_id: str, kwargs: Mapping[str, Any]) -> Environment:
    # The rollout counts the steps itself and never steps an ended episode, so the
    # checking, order and time-limit wrappers would only cost time.
    spec = copy.deepcopy(registered(environment_id))
    spec.disable_env_checker = True
    spec.order_enforce = False
    spec.max_episode_steps = None
    return gymnasium.make(spec, **kwargs)


def check(environment_id: str, kwargs: Mapping[str, Any]) -> None:
    """Make the environment once and look at its spaces.

    Errors: UnusableEnvironment, for an id that is unknown or outdated, a package that
    is not installed, keyword arguments that it refuses, or spaces without a policy.
    """
    registered(environment_id)
    try:
        environment = _open(environment_id, kwargs)
    except Exception as error:  # whatever a third-party constructor raises
        raise UnusableEnvironment(f"it can't be made: {error}") from None
    try:
        observation_size(environment)
        action_count(environment)
    finally:
        environment.close()


def make_lanes(specification: EnvironmentSpecification, n: int) -> list[Environment]:
    """N independent environments, not yet seeded."""
    return [_open(specification.id, specification.kwargs) for _ in range(n)]


def observation_size(environment: Environment) -> int:
    """Length of a policy's input: flat Box, or one-hot Discrete.

    Errors: UnusableEnvironment for every other observation space.
    """
    space = environment.observation_space
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return int(space.shape[0])
    raise UnusableEnvironment(
        f"its observations are {space}; pgstudy has policies for Discrete and for "
        "one-dimensional Box observations"
    )


def is_one_hot(environment: Environment) -> bool:
    """Whether observations are integers, shown to the policy as one-hot rows."""
    return isinstance(environment.observation_space, spaces.Discrete)


def action_count(environment: Environment) -> int:
    """Number of actions. Errors: UnusableEnvironment if they are not Discrete."""
    space = environment.action_space
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    raise UnusableEnvironment(
        f"its actions are {space}; pgstudy has policies for Discrete actions"
    )
