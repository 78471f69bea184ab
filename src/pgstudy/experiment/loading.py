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
from pgstudy.experiment.config import ConfigError, canonical_json
from pgstudy.experiment.faults import general_faults, seed_list, usable_environment
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
SETTINGS = (*BUDGETS, "policy", "optimizer", "evaluation_episodes")


def load_study(raw: Mapping[str, Any]) -> Study:
    """The study that a config describes. Errors: ConfigError, with all faults."""
    config, sound, faults = configs.examine(raw)
    faults += general_faults(sound)
    cells: list[Cell] = []
    left_out: list[LeftOut] = []
    for index, entry in enumerate(sound.get("environments", [])):
        if entry is None:
            continue
        environment, found = usable_environment(sound, index)
        faults += found
        if "defaults" in config and "defaults" not in sound:
            continue  # its settings can't be resolved
        try:
            made = list(_environment_cells(sound, entry, environment))
            cells += [c for c in made if isinstance(c, Cell)]
            left_out += [c for c in made if isinstance(c, LeftOut)]
        except ConfigError as error:
            faults += error.faults
    faults += _same_runs(cells)
    if not faults and not cells and left_out:
        faults.append(f"no cell is left: {left_out[0].label}: {left_out[0].reason}")
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    seeds = _one_spelling(config)
    return Study(
        name=config["study"],
        seeds=tuple(seeds),
        seeds_per_job=config.get("seeds_per_job", _default("seeds_per_job")),
        bins=config.get("bins", _default("bins")),
        cells=tuple(cells),
        left_out=tuple(left_out),
        config=config,
    )


def _one_spelling(config: dict[str, Any]) -> list[int]:
    """Write seeds=2 and [1, 0] alike, since they are one study. Returns the seeds."""
    seeds = seed_list(config["seeds"])
    config["seeds"] = len(seeds) if seeds == list(range(len(seeds))) else seeds
    config["sample_counts"].sort()
    return seeds


def _default(key: str) -> Any:
    return configs.schema()["properties"][key]["default"]


def _same_runs(cells: list[Cell]) -> list[str]:
    """Two cells with equal specifications would be the same runs, bit for bit."""
    first: dict[str, Cell] = {}
    faults = []
    for cell in cells:
        other = first.setdefault(canonical_json(cell.specification.to_dict()), cell)
        if other is not cell:
            both = f"{other.label} and {cell.label}"
            faults.append(f"{both} are the same runs; leave one out, or change it")
    return faults


def _environment_cells(
    config: Mapping[str, Any],
    entry: Mapping[str, Any],
    environment: EnvironmentSpecification,
) -> Iterator[Cell | LeftOut]:
    name = entry.get("name", entry["id"])
    faults: list[str] = []
    for estimator in filter(None, config.get("estimators", [])):
        pair = entry.get("estimators", {}).get(estimator["name"], {})
        places = [config.get("defaults", {}), entry, estimator, pair]
        baseline = estimator.get("baseline", "none")
        counts = estimator.get("sample_counts", config.get("sample_counts", []))
        for n in sorted(set(counts)):
            reason = _reason_to_leave_out(config, baseline, n)
            if reason:
                yield LeftOut(name, estimator["name"], n, reason)
                continue
            try:
                specification = _resolve(places, n, environment, baseline)
                yield Cell(name, estimator["name"], specification, _threshold(entry))
            except ConfigError as error:
                where = f"{name}, {estimator['name']}"
                faults += [f"{where}: {fault}" for fault in error.faults]
    if faults:
        raise ConfigError(faults)


def _reason_to_leave_out(config: Mapping[str, Any], baseline: str, n: int) -> str:
    if n not in config.get("sample_counts", [n]):
        return f"{n} is not among the study's sample_counts"
    if baseline == "leave-one-out" and n == 1:
        return "leave-one-out is undefined at N = 1 (running-mean exists)"
    return ""


def _threshold(entry: Mapping[str, Any]) -> float | None:
    try:
        registered = environments.facts(entry["id"]).reward_threshold
    except environments.UnusableEnvironment:  # reported elsewhere
        registered = None
    threshold: float | None = entry.get("threshold", registered)
    return threshold


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
            learning_rate=float(rate[str(n)] if isinstance(rate, dict) else rate),
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
