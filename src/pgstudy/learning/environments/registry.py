"""What is registered with Gymnasium, by a user's module too, and what is known."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import sys
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, find_highest_version

from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.global_generators import seeded
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


def load_object(place: str) -> Any:
    """What a user's module has by a name, as module:name. Errors: UnusableEnvironment,
    if the module can't be imported, or has no such name.
    """
    module, _, name = place.partition(":")
    load_module(module)
    try:
        return getattr(sys.modules[module], name)
    except AttributeError:
        raise UnusableEnvironment(f"module {module} has no '{name}'") from None


def load_code(specification: EnvironmentSpecification) -> None:
    """Import all that makes the environment, before a run's own draws begin.

    Errors: UnusableEnvironment.
    """
    if specification.module is not None:
        load_module(specification.module)
    spec = registered(specification.id)
    wrappers = [wrapper.entry_point for wrapper in spec.additional_wrappers]
    places: list[Any] = [spec.entry_point, *wrappers]
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
    place = entry_module(registered(specification.id).entry_point)
    if place.startswith("gymnasium.envs.mujoco"):
        return ["mujoco"]
    if place.startswith("gymnasium.envs.box2d"):
        return ["box2d"]
    top = place.partition(".")[0].partition(":")[0]
    return [] if top in ("gymnasium", "pgstudy") else [top]


def entry_module(entry: Any) -> str:
    """Where the code of an entry point lies, as far as it can be told."""
    return entry if isinstance(entry, str) else getattr(entry, "__module__", "")
