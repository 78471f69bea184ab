"""Environments of a config: the users' modules, and whether an entry can be used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium
import numpy as np

from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.learning.environments import registry
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.environments.parallel.same_starts import SameStarts
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.environments.trial import check
from pgstudy.learning.specification import EnvironmentSpecification

SECONDS = 60  # for an environment to be made and stepped once
OF_MAKE = {"id", "max_episode_steps", "disable_env_checker", "render_mode"}
Config = Mapping[str, Any]
_owners: dict[str, str] = {}  # id -> the first of the users' modules to register it
_doubles: dict[str, list[str]] = {}  # module -> faults: ids that others registered


def plain_ids(config: Config) -> dict[str, Any]:
    """`module:Env-v0`, Gymnasium's own way, as `register: module` and the id Env-v0."""
    names, entries = config.get("register", []), []
    modules = [names] if isinstance(names, str) else list(names)
    for entry in config.get("environments", []):
        module, colon, identifier = (entry or {"id": ""})["id"].rpartition(":")
        modules += [module] if colon else []
        entries.append({**entry, "id": identifier} if colon else entry)
    return {**config, "register": modules, "environments": entries}


def load_modules(config: Config) -> list[str]:
    """Import the user's modules that register environments. Returns the faults."""
    names, faults = config.get("register", []), []
    for name in [names] if isinstance(names, str) else names:
        before = dict(gymnasium.registry)
        try:
            registry.load_module(name)
        except UnusableEnvironment as error:
            faults.append(f"register: {error}")
        _keep_first(name, before)
        faults += _doubles.get(name, [])
    return faults


def _keep_first(module: str, before: Mapping[str, Any]) -> None:
    """Give back to other modules the ids that this one registered, too.

    It is remembered, since a module is imported just once in a process.
    """
    for identifier, spec in list(gymnasium.registry.items()):
        earlier = before.get(identifier)
        if earlier is spec:
            continue
        owner = _owners.setdefault(identifier, module)
        if earlier is not None and owner != module:
            gymnasium.registry[identifier] = earlier
            both = f"{owner} and {module} both register {identifier}"
            fault = f"register: {both}; leave one out, or give its id another name"
            _doubles.setdefault(module, []).append(fault)


def usable_environment(
    config: Config, index: int
) -> tuple[EnvironmentSpecification, Layout | None, list[str]]:
    """Entry `index` of `environments`, its spaces, and why it can't be used so."""
    entry, where = config["environments"][index], f"environments[{index}]"
    identifier = entry["id"]
    faults = [f"{where}{fault}" for fault in _entry_faults(config, entry)]
    sound, layout = not faults, None
    specification = _specification(entry, None, entry.get("max_episode_steps"))
    missing = identifier not in gymnasium.registry
    try:
        facts = registry.facts(identifier)
        limit = entry.get("max_episode_steps", facts.max_episode_steps)
        if limit is None:
            cure = "has no step limit of its own; set max_episode_steps"
            faults.append(f"{where}: {identifier} {cure}")
        module = _owners.get(identifier, facts.module)
        specification = _specification(entry, module, limit)
        layout = _layout(specification) if sound else None
    except UnusableEnvironment as error:
        hint = " (or name its module under 'register')" if missing else ""
        faults.append(f"{where}: {identifier} can't be used: {error}{hint}")
    return specification, layout, faults


def _entry_faults(config: Config, entry: Config) -> list[str]:
    """What is wrong with an entry whatever its environment is."""
    known = [e["name"] for e in filter(None, config.get("estimators", []))]
    faults = [
        f".estimators: '{name}' is not an estimator of this study ({', '.join(known)})"
        for name in entry.get("estimators", {})
        if "estimators" in config and name not in known
    ]
    return faults + [
        f".kwargs: '{key}' is not an argument of the environment itself"
        for key in entry.get("kwargs", {})
        if key in OF_MAKE
    ]


def _specification(
    entry: Config, module: str | None, limit: int | None
) -> EnvironmentSpecification:
    """An entry's; where no limit is known, which is a fault, it has one step."""
    return EnvironmentSpecification(
        entry["id"],
        entry.get("kwargs", {}),
        limit or 1,
        entry.get("vectorize", False),
        module,
        tuple(entry["wrappers"]) if entry.get("wrappers") else None,
    )


def _layout(specification: EnvironmentSpecification) -> Layout:
    """The spaces, of an environment that was stepped. Errors: UnusableEnvironment."""
    if specification.module is not None:
        _require_harmless(specification)
    return check(specification)


def _require_harmless(specification: EnvironmentSpecification) -> None:
    """Check a user's environment where it can't take this process along, or hang it.

    Errors: UnusableEnvironment.
    """

    def attempt() -> None:
        with contextlib.suppress(Exception, SystemExit):  # said by the check itself
            check(specification)

    try:
        in_child(attempt, SECONDS)
    except Died as death:
        reason = f"made and stepped once, {death}"
        raise UnusableEnvironment(reason) from None


def same_start_faults(config: Config, cells: Iterable[Cell]) -> list[str]:
    """Where groups of trajectories can't begin in one start state."""
    every = "sources" in config.get("gradients", {})
    grouped = [
        c for c in cells if every or c.specification.estimator.trajectories_per_start
    ]
    faults = []
    for cell in {c.environment: c for c in grouped}.values():
        try:
            with seeded(np.random.SeedSequence(0)):
                SameStarts(cell.specification.environment, [0, 0], 2).close()
        except UnusableEnvironment as error:
            keys = "trajectories_per_start, starts and gradients.sources can't be used"
            cure = "leave out the key, or the environment"
            faults.append(f"{cell.environment}: {keys}: {error}; {cure}")
    return faults


def exact_faults(environment_id: str) -> list[str]:
    """Why exact returns can't be had; acceptance relies on there being none."""
    try:
        environment: Any = registry.registered(environment_id).make().unwrapped
    except UnusableEnvironment as error:
        return [f"exact.environment: {environment_id} can't be used: {error}"]
    except Exception as error:  # whatever a third-party constructor raises
        return [f"exact.environment: {environment_id} can't be made: {error}"]
    model = hasattr(environment, "P") and hasattr(environment, "initial_state_distrib")
    if model and getattr(environment.action_space, "n", 0) == 2:
        return []
    cause = "it needs two actions, and P and initial_state_distrib as its model"
    return [f"exact.environment: {environment_id} can't be used: {cause}"]
