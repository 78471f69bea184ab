"""From a config to a study: cells, their settings, and every fault at once.

A cell's settings are looked up in this order, the later one wins, key by key:
the schema's defaults, `defaults`, the environment, the estimator, and the
environment's `estimators.<name>`. A table of learning rates is then read at N.
A budget (`env_steps`, `updates` or `episodes`) replaces one from an earlier place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pgstudy.experiment import config as configs
from pgstudy.experiment.config import ConfigError
from pgstudy.experiment.study import Cell, LeftOut, Study
from pgstudy.learning import environments
from pgstudy.learning.specification import (
    Budget,
    BudgetUnit,
    EnvironmentSpecification,
    OptimizerSpecification,
    RunSpecification,
)

BUDGETS = get_args(BudgetUnit)
RESERVED = ("runs", "manifests", "logs", "mlartifacts")  # folders of results/
SETTINGS = (*BUDGETS, "policy", "optimizer", "evaluation_episodes")


def load_study(raw: Mapping[str, Any]) -> Study:
    """The study that a config describes. Errors: ConfigError, with all faults."""
    config = configs.checked(raw)
    faults: list[str] = []
    if config["study"] in RESERVED:
        faults.append(f"study: '{config['study']}' is a folder of results/; rename it")
    seeds = config["seeds"]
    seeds = list(range(seeds)) if isinstance(seeds, int) else sorted(seeds)
    if seeds == list(range(len(seeds))):
        config["seeds"] = len(seeds)  # one spelling: seeds=2 and [0, 1] are one study
    config["sample_counts"].sort()
    faults += _duplicates("seeds", seeds)
    faults += _duplicates("sample_counts", config["sample_counts"])
    names = [e.get("name", e["id"]) for e in config["environments"]]
    faults += _duplicates("environments", names, "; tell them apart by 'name'")
    estimators = [e["name"] for e in config["estimators"]]
    faults += _duplicates("estimators", estimators)
    faults += _foreign_counts(config)
    cells: list[Cell] = []
    left_out: list[LeftOut] = []
    for index, entry in enumerate(config["environments"]):
        try:
            environment = _environment(entry, estimators, f"environments[{index}]")
            found = list(_environment_cells(config, entry, environment))
            cells += [c for c in found if isinstance(c, Cell)]
            left_out += [c for c in found if isinstance(c, LeftOut)]
        except ConfigError as error:
            faults += error.faults
    if not faults and not cells:
        faults.append("no cell is left: leave-one-out needs an N of 2 or more")
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return Study(
        name=config["study"],
        seeds=tuple(seeds),
        seeds_per_job=config.get("seeds_per_job", _default("seeds_per_job")),
        bins=config.get("bins", _default("bins")),
        cells=tuple(cells),
        left_out=tuple(left_out),
        config=config,
    )


def _default(key: str) -> Any:
    return configs.schema()["properties"][key]["default"]


def _duplicates(where: str, values: list[Any], cure: str = "") -> list[str]:
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    return [f"{where}: {value} is listed more than once{cure}" for value in twice]


def _foreign_counts(config: Mapping[str, Any]) -> list[str]:
    return [
        f"estimators[{index}].sample_counts: {n} is not among the study's sample_counts"
        for index, estimator in enumerate(config["estimators"])
        for n in estimator.get("sample_counts", [])
        if n not in config["sample_counts"]
    ]


def _environment(
    entry: Mapping[str, Any], estimators: list[str], where: str
) -> EnvironmentSpecification:
    """Errors: ConfigError, if the environment can't be used as the entry says."""
    identifier, kwargs = entry["id"], entry.get("kwargs", {})
    faults = [
        f"{where}.estimators: '{name}' is not an estimator of this study "
        f"({', '.join(estimators)})"
        for name in entry.get("estimators", {})
        if name not in estimators
    ]
    limit = entry.get("max_episode_steps")
    try:
        environments.check(identifier, kwargs)
        limit = limit or environments.facts(identifier).max_episode_steps
        if limit is None:
            faults.append(
                f"{where}: {identifier} has no step limit of its own; "
                "set max_episode_steps"
            )
    except environments.UnusableEnvironment as error:
        faults.append(f"{where}: {identifier} can't be used: {error}")
    if faults or limit is None:
        raise ConfigError(faults)
    return EnvironmentSpecification(identifier, kwargs, limit)


def _environment_cells(
    config: Mapping[str, Any],
    entry: Mapping[str, Any],
    environment: EnvironmentSpecification,
) -> Iterator[Cell | LeftOut]:
    name = entry.get("name", entry["id"])
    threshold = entry.get("threshold", environments.facts(entry["id"]).reward_threshold)
    faults: list[str] = []
    for estimator in config["estimators"]:
        pair = entry.get("estimators", {}).get(estimator["name"], {})
        places = [config.get("defaults", {}), entry, estimator, pair]
        baseline = estimator.get("baseline", "none")
        counts = estimator.get("sample_counts", config["sample_counts"])
        for n in sorted(set(counts)):
            if baseline == "leave-one-out" and n == 1:
                reason = "leave-one-out is undefined at N = 1 (running-mean exists)"
                yield LeftOut(name, estimator["name"], n, reason)
                continue
            try:
                specification = _resolve(places, n, environment, baseline)
                yield Cell(name, estimator["name"], specification, threshold)
            except ConfigError as error:
                where = f"{name}, {estimator['name']}"
                faults += [f"{where}: {fault}" for fault in error.faults]
    if faults:
        raise ConfigError(faults)


def _resolve(
    places: list[Mapping[str, Any]],
    n: int,
    environment: EnvironmentSpecification,
    baseline: Any,
) -> RunSpecification:
    settings = _settings_defaults()
    for place in places:
        if any(unit in place for unit in BUDGETS):
            settings = {k: v for k, v in settings.items() if k not in BUDGETS}
        for key in SETTINGS:
            if key in place:
                old, new = settings.get(key), place[key]
                settings[key] = old | new if isinstance(old, dict) else new
    budgets = [unit for unit in BUDGETS if unit in settings]
    rate = settings["optimizer"].get("learning_rate")
    faults = []
    if len(budgets) != 1:
        given = f"{' and '.join(budgets)} are" if budgets else "none is"
        faults.append(
            f"set exactly one budget (env_steps, updates or episodes); {given} set"
        )
    if rate is None:
        faults.append("optimizer.learning_rate is not set")
    elif isinstance(rate, dict) and str(n) not in rate:
        faults.append(f"optimizer.learning_rate has no entry for N = {n}")
    if faults:
        raise ConfigError(faults)
    return RunSpecification(
        environment=environment,
        n=n,
        baseline=baseline,
        hidden=tuple(settings["policy"]["hidden"]),
        optimizer=OptimizerSpecification(
            name=settings["optimizer"]["name"],
            learning_rate=rate[str(n)] if isinstance(rate, dict) else rate,
            schedule=settings["optimizer"]["schedule"],
        ),
        budget=Budget(budgets[0], settings[budgets[0]]),
        evaluation_episodes=settings["evaluation_episodes"],
    )


def _settings_defaults() -> dict[str, Any]:
    """Every default of the schema's settings, nested as in a config."""
    defaults: dict[str, Any] = {}
    for key, rule in configs.schema()["$defs"]["settings"]["properties"].items():
        if "default" in rule:
            defaults[key] = rule["default"]
        elif "properties" in rule:
            inner = rule["properties"].items()
            defaults[key] = {k: r["default"] for k, r in inner if "default" in r}
    return defaults
