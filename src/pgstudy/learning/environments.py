"""Gymnasium environments: which can be used, and how a run makes its own."""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import os
import sys
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, find_highest_version
from numpy.random import Generator

from pgstudy.learning.spaces import Layout, UnusableEnvironment, layout
from pgstudy.learning.specification import EnvironmentSpecification

Environment = gymnasium.Env[Any, Any]
VectorEnvironment = gymnasium.vector.VectorEnv[Any, Any, Any]

gymnasium.register(
    id="ShortCorridor-v0",
    entry_point="pgstudy.learning.corridor:ShortCorridor",
    max_episode_steps=1000,
)

_registered_by: dict[str, str] = {}  # id -> the user's module


@dataclass(frozen=True)
class Facts:
    """What is known of an environment without running it.

    `module`: the user's module that registers the id, if one was needed.
    """

    max_episode_steps: int | None
    reward_threshold: float | None
    module: str | None


def load_module(name: str) -> None:
    """Import a user's module, which registers environments with Gymnasium.

    It is looked for in the working directory, too. Errors: UnusableEnvironment.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    before = dict(gymnasium.registry)
    try:
        with contextlib.chdir(os.getcwd()):  # back, wherever the module goes
            importlib.import_module(name)
    except SystemExit:
        reason = f"module {name} ends the process when it is imported"
        raise UnusableEnvironment(reason) from None
    except Exception as error:  # whatever a user's module raises
        reason = f"module {name} can't be imported: {type(error).__name__}: {error}"
        raise UnusableEnvironment(reason) from error
    for identifier, spec in gymnasium.registry.items():
        if before.get(identifier) is not spec:
            _registered_by[identifier] = name


def registered(environment_id: str) -> EnvSpec:
    """The registry's entry. Errors: UnusableEnvironment if unknown or outdated."""
    try:
        spec = gymnasium.spec(environment_id)
    except gymnasium.error.Error as error:
        raise UnusableEnvironment(str(error)) from None
    newest = find_highest_version(spec.namespace, spec.name) or 0
    own = environment_id in _registered_by
    if not own and spec.version is not None and spec.version < newest:
        raise UnusableEnvironment(f"it is outdated; use {spec.name}-v{newest}")
    return spec


@functools.cache
def facts(environment_id: str) -> Facts:
    """Step limit, reward threshold and module. Errors: UnusableEnvironment."""
    spec = registered(environment_id)
    module = _registered_by.get(environment_id)
    return Facts(spec.max_episode_steps, spec.reward_threshold, module)


def packages(specification: EnvironmentSpecification) -> list[str]:
    """The packages beyond Gymnasium that make the environment's numbers."""
    if specification.vectorize == "envpool":
        return ["envpool"]
    entry = registered(specification.id).entry_point
    place = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    if place.startswith("gymnasium.envs.mujoco"):
        return ["mujoco"]
    if place.startswith("gymnasium.envs.box2d"):
        return ["box2d"]
    top = place.partition(".")[0].partition(":")[0]
    return [] if top in ("gymnasium", "pgstudy") else [top]


def check(specification: EnvironmentSpecification) -> Layout:
    """Make the environment once and look at its spaces.

    Errors: UnusableEnvironment, for an id that is unknown or outdated, a package that
    is not installed, keyword arguments that it refuses, spaces without a policy, or a
    vector environment that it does not have.
    """
    registered(specification.id)
    try:
        environment = make(specification)
        if specification.vectorize is True:
            make_vector(specification, 1).close()
        elif specification.vectorize == "envpool":
            make_envpool(specification, [0]).close()
    except UnusableEnvironment:
        raise
    except (Exception, SystemExit) as error:  # whatever a constructor raises
        reason = f"{type(error).__name__}: {error}"
        raise UnusableEnvironment(f"it can't be made: {reason}") from None
    try:
        return layout(environment.observation_space, environment.action_space)
    finally:
        environment.close()


def make(specification: EnvironmentSpecification) -> Environment:
    """One environment, not yet seeded."""
    # The rollout counts the steps itself and never steps an ended episode, so the
    # checking, order and time-limit wrappers would only cost time.
    spec = _own_spec(specification)
    spec.max_episode_steps = None
    return gymnasium.make(spec, **specification.kwargs)


def make_vector(specification: EnvironmentSpecification, n: int) -> VectorEnvironment:
    """The vector environment that is registered with the id, for N lanes."""
    spec = _own_spec(specification)
    if spec.vector_entry_point is None:
        raise UnusableEnvironment(
            "no vector environment is registered with it; leave out 'vectorize'"
        )
    spec.max_episode_steps = specification.max_episode_steps
    mode = "vector_entry_point"
    return gymnasium.make_vec(spec, n, mode, **specification.kwargs)


def make_envpool(specification: EnvironmentSpecification, seeds: list[int]) -> Any:
    """envpool's environment with a lane per seed (each below 2^31)."""
    try:
        import envpool  # an extra; and importing it costs a second
    except ImportError:
        cure = "pip install envpool, or leave out 'vectorize'"
        raise UnusableEnvironment(f"envpool is not installed; {cure}") from None
    if specification.id not in envpool.list_all_envs():
        raise UnusableEnvironment("envpool does not have it; leave out 'vectorize'")
    return envpool.make_gymnasium(
        specification.id,
        num_envs=len(seeds),
        num_threads=1,
        seed=seeds,
        max_episode_steps=specification.max_episode_steps,
        **specification.kwargs,
    )


def resumable(specification: EnvironmentSpecification) -> bool:
    """Whether all that an episode hands on to the next are the generators.

    That is known of Gymnasium's own environments and of the corridor; others may keep
    anything from one episode to the next.
    """
    entry = registered(specification.id).entry_point
    place = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    known = place.startswith(("gymnasium.envs.", "pgstudy."))
    return known and specification.vectorize != "envpool"


def generators(environment: Environment | VectorEnvironment) -> list[Generator]:
    """The random generators of an environment and of its spaces."""
    spaces = environment.action_space, environment.observation_space
    return [environment.unwrapped.np_random, *(space.np_random for space in spaces)]


def _own_spec(specification: EnvironmentSpecification) -> EnvSpec:
    spec = copy.deepcopy(registered(specification.id))
    spec.disable_env_checker = True
    spec.order_enforce = False
    return spec
