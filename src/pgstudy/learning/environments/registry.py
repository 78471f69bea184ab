"""Gymnasium environments: which can be used, and how a run makes its own."""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import importlib
import os
import sys
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import (
    EnvSpec,
    WrapperSpec,
    find_highest_version,
    load_env_creator,
)

from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.environments.layers import (
    KNOWN,
    Environment,
    VectorEnvironment,
    forgets,
    layers,
)
from pgstudy.learning.environments.spaces import Layout, UnusableEnvironment, layout
from pgstudy.learning.environments.trial import try_out
from pgstudy.learning.specification import EnvironmentSpecification

gymnasium.register(
    id="ShortCorridor-v0",
    entry_point="pgstudy.learning.environments.corridor:ShortCorridor",
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
            _import(name)
    except SystemExit:
        reason = f"module {name} ends the process when it is imported"
        raise UnusableEnvironment(reason) from None
    except Exception as error:  # whatever a user's module raises
        reason = f"module {name} can't be imported: {type(error).__name__}: {error}"
        raise UnusableEnvironment(reason) from error
    for identifier, spec in gymnasium.registry.items():
        if before.get(identifier) is not spec:
            _registered_by[identifier] = name


def _import(name: str) -> None:
    """What a module draws while it is imported is the same in every process."""
    digest = hashlib.sha256(name.encode()).digest()
    with seeded(np.random.SeedSequence(np.frombuffer(digest, "<u4").tolist())):
        importlib.import_module(name)


def load_code(specification: EnvironmentSpecification) -> None:
    """Import all that makes the environment, before a run's own draws begin.

    Errors: UnusableEnvironment.
    """
    if specification.module is not None:
        load_module(specification.module)
    spec = registered(specification.id)
    places: list[Any] = [
        spec.entry_point,
        *(w.entry_point for w in spec.additional_wrappers),
    ]
    if specification.vectorize:
        places = [spec.vector_entry_point]
    for place in places:
        if isinstance(place, str):
            _import(place.partition(":")[0])


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
    """Make the environment, look at its spaces, and take one step in it.

    Errors: UnusableEnvironment, for an id that is unknown or outdated, a package that
    is not installed, keyword arguments that it refuses, spaces without a policy, a
    vector environment that it does not have, or what `try_out` finds.
    """
    registered(specification.id)
    with seeded(np.random.SeedSequence(0)):
        try:
            environment = make(specification)
            stepped = _stepped(specification, environment)
        except UnusableEnvironment:
            raise
        except (Exception, SystemExit) as error:  # a constructor may raise anything
            reason = f"{type(error).__name__}: {error}"
            raise UnusableEnvironment(f"it can't be made: {reason}") from None
        try:
            found = layout(environment.observation_space, environment.action_space)
            if stepped is not None:
                try_out(stepped, found)
            return found
        finally:
            for made in (environment, stepped):
                with contextlib.suppress(Exception):
                    if made is not None:
                        made.close()


def _stepped(
    specification: EnvironmentSpecification, environment: Environment
) -> Environment | VectorEnvironment | None:
    """What a run will step; None for envpool's, whose form is known."""
    if specification.vectorize is True:
        return make_vector(specification, 1)
    if specification.vectorize == "envpool":
        make_envpool(specification, [0]).close()
        return None
    return environment


def make(specification: EnvironmentSpecification) -> Environment:
    """One environment, not yet seeded, in the wrappers registered with the id.

    Its `spec` tells the step limit.
    """
    # The rollout counts the steps itself and never steps an ended episode, so the
    # checking, order and time-limit wrappers would only cost time.
    spec = _own_spec(specification)
    wrappers, spec.additional_wrappers = spec.additional_wrappers, ()
    spec.max_episode_steps = None
    made: Environment = gymnasium.make(spec, **specification.kwargs)
    for layer in reversed(layers(made)):
        if layer.spec is not None and layer.spec.max_episode_steps is None:
            layer.spec.max_episode_steps = specification.max_episode_steps
    return _wrapped(made, wrappers) if wrappers else made


def _wrapped(made: Environment, wrappers: tuple[WrapperSpec, ...]) -> Environment:
    """As `gymnasium.make` would: those that the entry point applied come first."""
    own = made.spec.additional_wrappers if made.spec is not None else ()
    if wrappers[: len(own)] != own:
        cure = "list the entry point's first, as gymnasium.make wants it"
        raise UnusableEnvironment(f"its entry point applies {own} already; {cure}")
    for wrapper in wrappers[len(own) :]:
        create: Any = load_env_creator(wrapper.entry_point)
        made = create(env=made, **wrapper.kwargs)  # type: ignore[arg-type]
    return made


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


def resumable(
    specification: EnvironmentSpecification, made: Environment | VectorEnvironment
) -> bool:
    """Whether all that an episode hands on to the next are the generators.

    Of Gymnasium's own environments and of the corridor that is known. A function of
    somebody else's may have made them into anything, so the entry point counts, too.
    """
    spec = registered(specification.id)
    entry = spec.vector_entry_point if specification.vectorize else spec.entry_point
    place = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return place.startswith(KNOWN) and all(map(forgets, layers(made)))


def _own_spec(specification: EnvironmentSpecification) -> EnvSpec:
    spec = copy.deepcopy(registered(specification.id))
    spec.disable_env_checker = True
    spec.order_enforce = False
    return spec
