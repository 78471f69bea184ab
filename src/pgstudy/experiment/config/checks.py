"""Faults of a config that its schema can't see."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium

from pgstudy.experiment.config.settings import estimator_faults
from pgstudy.experiment.study.cell import Cell, rivals
from pgstudy.experiment.system import places
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments.spaces import Layout, UnusableEnvironment
from pgstudy.learning.environments.trial import check
from pgstudy.learning.specification import EnvironmentSpecification

# Names below results/ that are not a study's folder, and MLflow's own experiment.
RESERVED = {name.lower() for name in places.TAKEN} | {"default"}
SECONDS = 60  # for an environment to be made and stepped once
FIRST_TUNE_SEED = 10_000
LONGEST_NAME = 93  # of a study with `tune`
OF_MAKE = {"id", "max_episode_steps", "disable_env_checker", "render_mode"}
Config = Mapping[str, Any]
_owners: dict[str, str] = {}  # id -> the first of the users' modules to register it
_doubles: dict[str, list[str]] = {}  # module -> faults: ids that others registered


def seed_list(seeds: int | list[int]) -> list[int]:
    """A count S as 0 .. S-1, a list in rising order."""
    return list(range(seeds)) if isinstance(seeds, int) else sorted(seeds)


def general_faults(config: Config) -> list[str]:
    """Duplicates, taken names, and estimators whose keys do not go together.

    `config` may lack parts, and have None for entries, that have faults of their own.
    """
    entries = list(filter(None, config.get("environments", [])))
    names = [entry.get("name", entry["id"]) for entry in entries]
    estimators = list(filter(None, config.get("estimators", [])))
    faults = _duplicates("seeds", seed_list(config.get("seeds", [])))
    faults += _duplicates("sample_counts", config.get("sample_counts", []))
    faults += _duplicates("environments", names, "; tell them apart by 'name'")
    faults += _duplicates("estimators", [e["name"] for e in estimators])
    for estimator in estimators:
        where = f"estimators '{estimator['name']}'"
        counts = estimator.get("sample_counts", [])
        faults += _duplicates(f"{where}, sample_counts", counts)
        faults += [f"{where}: {fault}" for fault in estimator_faults(estimator)]
    if str(config.get("study", "")).lower() in RESERVED:
        faults.append(f"study: '{config['study']}' is taken; give it another name")
    return faults


def load_modules(config: Config) -> list[str]:
    """Import the user's modules that register environments. Returns the faults."""
    names, faults = config.get("register", []), []
    for name in [names] if isinstance(names, str) else names:
        before = dict(gymnasium.registry)
        try:
            environments.load_module(name)
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


def plain_ids(config: Config) -> dict[str, Any]:
    """`module:Env-v0`, Gymnasium's own way, as `register: module` and the id Env-v0."""
    names, entries = config.get("register", []), []
    modules = [names] if isinstance(names, str) else list(names)
    for entry in config.get("environments", []):
        module, colon, identifier = (entry or {"id": ""})["id"].rpartition(":")
        modules += [module] if colon else []
        entries.append({**entry, "id": identifier} if colon else entry)
    return {**config, "register": modules, "environments": entries}


def _duplicates(where: str, values: list[Any], cure: str = "") -> list[str]:
    twice = [value for value, count in Counter(values).items() if count > 1]
    return [f"{where}: {value} is listed more than once{cure}" for value in twice]


def usable_environment(
    config: Config, index: int
) -> tuple[EnvironmentSpecification, Layout | None, list[str]]:
    """Entry `index` of `environments`, its spaces, and why it can't be used so."""
    entry, where = config["environments"][index], f"environments[{index}]"
    identifier, kwargs = entry["id"], entry.get("kwargs", {})
    known = [e["name"] for e in filter(None, config.get("estimators", []))]
    faults = [
        f"{where}.estimators: '{name}' is not an estimator of this study "
        f"({', '.join(known)})"
        for name in entry.get("estimators", {})
        if "estimators" in config and name not in known
    ]
    faults += [
        f"{where}.kwargs: '{key}' is not an argument of the environment itself"
        for key in kwargs
        if key in OF_MAKE
    ]
    specification = EnvironmentSpecification(
        identifier,
        kwargs,
        entry.get("max_episode_steps", 1),
        entry.get("vectorize", False),
    )
    sound, layout = not faults, None
    missing = identifier not in gymnasium.registry
    try:
        facts = environments.facts(identifier)
        limit = entry.get("max_episode_steps", facts.max_episode_steps)
        if limit is None:
            cure = "has no step limit of its own; set max_episode_steps"
            faults.append(f"{where}: {identifier} {cure}")
        module = _owners.get(identifier, facts.module)
        specification = replace(
            specification, max_episode_steps=limit or 1, module=module
        )
        if sound:
            if module is not None:
                _require_harmless(specification)
            layout = check(specification)
    except UnusableEnvironment as error:
        hint = " (or name its module under 'register')" if missing else ""
        faults.append(f"{where}: {identifier} can't be used: {error}{hint}")
    return specification, layout, faults


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


def tune_seeds(config: Config) -> list[int]:
    """The seeds that step sizes are chosen on; none without `tune`."""
    seeds = config.get("tune", {}).get("seeds", [])
    if isinstance(seeds, int):
        return list(range(FIRST_TUNE_SEED, FIRST_TUNE_SEED + seeds))
    return sorted(seeds)


def tuning_faults(config: Config, cells: Sequence[Cell]) -> list[str]:
    """What is wrong with `tune` in a study with these cells."""
    if "tune" not in config:
        return []
    faults = []
    if len(config["study"]) > LONGEST_NAME:
        faults.append(
            f"study: '{config['study']}' is too long for the name with the ending "
            f"-tuning, which `tune` needs; at most {LONGEST_NAME} characters"
        )
    counts = Counter(tune_seeds(config))
    twice = [seed for seed, count in counts.items() if count > 1]
    faults += [f"tune.seeds: {seed} is listed more than once" for seed in twice]
    if both := set(counts) & set(seed_list(config["seeds"])):
        cure = "the runs that are reported need others"
        faults.append(f"tune.seeds: {min(both)} is a seed of the study; {cure}")
    if len(rivals(cells)) == len(cells):
        cure = "list several under optimizer.learning_rate"
        faults.append(f"tune: there is one step size everywhere; {cure}")
    return faults + _uneven_budgets(cells)


def _uneven_budgets(cells: Sequence[Cell]) -> list[str]:
    """Step sizes are chosen by whole curves, which all runs have to cover."""
    faults = []
    for environment in dict.fromkeys(cell.environment for cell in cells):
        here = [c for c in cells if c.environment == environment]
        budgets = {c.specification.budget for c in here}
        if len(budgets) > 1 or "updates" in {budget.unit for budget in budgets}:
            cure = "give all its runs one budget in env_steps or episodes"
            faults.append(f"tune: {environment}: curves are compared whole; {cure}")
    return faults
