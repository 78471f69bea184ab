"""One cell's settings, from the places of a config to a run's specification.

The settings are looked up in this order, the later one wins, key by key: the schema's
defaults, `defaults`, the environment, the estimator, and the environment's
`estimators.<name>`. A table of learning rates, or a rule, is then read at N; a list of
them makes a cell of each. A budget (`env_steps`, `updates`, `episodes` or `cap`)
replaces one from an earlier place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from pgstudy.experiment.config.schema import estimator_defaults, settings_defaults
from pgstudy.experiment.study.estimators import group_size
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.specification import (
    AdaptiveSpecification,
    Budget,
    BudgetUnit,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
    ValueSpecification,
)

CAP = "cap"
BUDGETS = (*get_args(BudgetUnit), CAP)
NESTED = ("policy", "value", "optimizer")
SETTINGS = (*BUDGETS, *NESTED, "evaluation_episodes", "stop_when_truncated")
LAYERS = ("hidden", "activation", "init")  # of the built-in network
Settings = Mapping[str, Any]


def resolve(
    places: list[Settings],
    n: int,
    environment: EnvironmentSpecification,
    estimator: Settings,
) -> list[RunSpecification]:
    """One specification per learning rate. Errors: ConfigError, with all faults."""
    settings = _merge(places)
    faults = _missing(settings, estimator)
    try:
        rates = _learning_rates(settings["optimizer"].get("learning_rate"), n)
    except ConfigError as error:
        faults += error.faults
    if faults:
        raise ConfigError(faults)
    name, schedule = settings["optimizer"]["name"], settings["optimizer"]["schedule"]
    return [
        RunSpecification(
            environment=environment,
            n=n,
            estimator=_estimator(estimator, settings, n),
            policy=PolicySpecification(**_typed(settings["policy"])),
            optimizer=OptimizerSpecification(name, rate, schedule),
            budget=_budget(settings, n),
            evaluation_episodes=settings["evaluation_episodes"],
            stop_when_truncated=settings["stop_when_truncated"],
        )
        for rate in rates
    ]


def _missing(settings: Settings, estimator: Settings) -> list[str]:
    """What a run needs that no place sets, or that one sets twice."""
    faults = []
    learned = estimator.get("baseline") == "learned"
    if learned and "learning_rate" not in settings["value"]:
        faults.append("the baseline learned needs value.learning_rate")
    policy, defaults = settings["policy"], settings_defaults()["policy"]
    if "network" in policy:
        faults += [
            f"policy.{key} can't be used with policy.network; leave one out"
            for key in LAYERS
            if policy[key] != defaults[key]
        ]
    elif "kwargs" in policy:
        faults.append("policy.kwargs belongs to policy.network; leave it out")
    budgets = [unit for unit in BUDGETS if unit in settings]
    if len(budgets) != 1:
        given = f"{' and '.join(budgets)} are" if budgets else "none is"
        faults.append(
            f"set exactly one budget (env_steps, updates, episodes or cap); {given} set"
        )
    return faults


def _budget(settings: Settings, n: int) -> Budget:
    unit = next(unit for unit in BUDGETS if unit in settings)
    if unit != CAP:
        return Budget(unit, settings[unit])
    cap = settings[CAP]
    return Budget("updates", cap["updates"] + math.ceil(cap["trajectories"] / n))


def _merge(places: list[Settings]) -> dict[str, Any]:
    settings = settings_defaults()
    for place in places:
        if any(unit in place for unit in BUDGETS):
            settings = {k: v for k, v in settings.items() if k not in BUDGETS}
        for key in SETTINGS:
            if key in place:
                old, new = settings.get(key), place[key]
                settings[key] = old | new if isinstance(old, dict) else new
    return settings


def _learning_rates(rate: Any, n: int) -> list[float]:
    if rate is None:
        raise ConfigError(["optimizer.learning_rate is not set"])
    if isinstance(rate, list):
        if twice := [f"{one:g}" for i, one in enumerate(rate) if one in rate[:i]]:
            fault = f"optimizer.learning_rate: {twice[0]} is listed more than once"
            raise ConfigError([fault])
        return [float(one) for one in rate]
    if not isinstance(rate, dict):
        return [float(rate)]
    return _at(rate, n)


def _at(rate: Settings, n: int) -> list[float]:
    """The learning rates of a rule, or of a table, at N."""
    if set(rate) == {"base", "power"}:
        found: float = rate["base"] * n ** rate["power"]
        if not 0 < found < 1e38:
            raise ConfigError([f"optimizer.learning_rate is {found:g} at N = {n}"])
        return [found]
    if "base" in rate or "power" in rate:
        cure = "give base and power, or a number for each N"
        raise ConfigError([f"optimizer.learning_rate is no rule and no table; {cure}"])
    if str(n) not in rate:
        raise ConfigError([f"optimizer.learning_rate has no entry for N = {n}"])
    return _learning_rates(rate[str(n)], n)


def _estimator(
    estimator: Settings, settings: Settings, n: int
) -> EstimatorSpecification:
    how = estimator_defaults() | dict(estimator)
    learned = how["baseline"] == "learned"
    constant = how.get("constant")
    return EstimatorSpecification(
        credit="total" if "weights" in how else how["credit"],  # a promise, no more
        gamma=float(how["gamma"]),
        discounting=how["discounting"],
        baseline=how["baseline"],
        constant=None if constant is None else float(constant),
        value=ValueSpecification(**_typed(settings["value"])) if learned else None,
        normalise=how["normalise"],
        entropy=float(how["entropy"]),
        trajectories_per_start=group_size(how, n),
        length_division=how["length_division"],
        window=how.get("window"),
        decay=how.get("decay"),
        adaptive=_adaptive(how.get("adaptive")),
        weights=how.get("weights"),
        kwargs=how.get("kwargs") or None,
    )


def _adaptive(given: Settings | None) -> AdaptiveSpecification | None:
    if given is None:
        return None
    return AdaptiveSpecification(float(given["ratio"]), given["most"])


def _typed(settings: Settings) -> dict[str, Any]:
    """Lists as tuples and numbers as floats, so that equal settings are equal."""
    kinds: dict[type, Any] = {list: tuple, int: float}
    return {k: kinds.get(type(v), lambda same: same)(v) for k, v in settings.items()}
