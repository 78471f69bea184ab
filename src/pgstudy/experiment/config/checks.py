"""Faults of a config that its schema can't see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pgstudy.experiment.config.schema import estimator_defaults
from pgstudy.experiment.provenance.own_parts import estimator_fault
from pgstudy.experiment.study.cell import Cell, rivals
from pgstudy.experiment.study.estimators import (
    adaptive_faults,
    expanded,
    group_faults,
    memory_faults,
    own_faults,
)
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import canonical_json

# Names below results/ that are not a study's folder, and MLflow's own experiment.
RESERVED = {name.lower() for name in places.TAKEN} | {"default"}
FIRST_TUNE_SEED = 10_000
LONGEST_NAME = 93  # of a study with `tune`
Config = Mapping[str, Any]


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


def estimator_faults(estimator: Config) -> list[str]:
    """Keys of an estimator that do not go together, in whatever environment."""
    how = estimator_defaults() | expanded(estimator)
    faults = group_faults(estimator) + memory_faults(estimator)
    faults += adaptive_faults(estimator) + own_faults(estimator)
    if how["baseline"] == "constant" and "constant" not in how:
        faults.append("the baseline constant needs the key 'constant'")
    if how["baseline"] != "constant" and "constant" in how:
        faults.append("'constant' belongs to the baseline constant")
    if how["baseline"] != "learned" and "value" in how:
        faults.append("'value' belongs to the baseline learned")
    no_factor = how["gamma"] == 1 or how["credit"] == "total"
    if how["discounting"] == "biased" and no_factor:
        cause = "needs credit to-go and a gamma below 1: there is no gamma^t to drop"
        faults.append(f"'discounting: biased' {cause}")
    return faults


def own_estimator_faults(config: Config, cells: Iterable[Cell]) -> list[str]:
    """Why estimators of a user's own can't be used, in cells that the config makes.

    An entry with a `credit` promises what `trials.weights.check` then looks for.
    """
    promised = {entry["name"]: entry.get("credit") for entry in config["estimators"]}
    found = []
    for cell in _different(cells):
        how = cell.specification.estimator
        size = how.trajectories_per_start or cell.n
        if reason := estimator_fault(how, size, promised[cell.estimator]):
            name = f"estimators '{cell.estimator}', weights: {how.weights}"
            found.append(f"{name} can't be used: {reason}")
    return found


def _different(cells: Iterable[Cell]) -> list[Cell]:
    """One of those with one estimator and one N, whatever their environments are."""
    own = [c for c in cells if c.specification.estimator.weights is not None]
    return list({(cell.estimator, cell.n): cell for cell in own}.values())


def _duplicates(where: str, values: list[Any], cure: str = "") -> list[str]:
    twice = [value for value, count in Counter(values).items() if count > 1]
    return [f"{where}: {value} is listed more than once{cure}" for value in twice]


def tune_seeds(config: Config) -> list[int]:
    """The seeds that learning rates are chosen on; none without `tune`."""
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
        faults.append(f"tune: there is one learning rate everywhere; {cure}")
    return faults if "tradeoff" in config else faults + _uneven_budgets(cells)


def tradeoff_faults(cells: Sequence[Cell]) -> list[str]:
    """What is wrong with `tradeoff` in a study with these cells."""
    faults = [
        f"tradeoff: {group[0].group}: give one learning rate, the middle of its grid"
        for group in rivals(cells)
        if len(group) > 1
    ]
    for environment in dict.fromkeys(cell.environment for cell in cells):
        here = [cell for cell in cells if cell.environment == environment]
        if here[0].threshold is None:
            faults.append(f"tradeoff: {environment}: set threshold; its runs end there")
        if {cell.specification.budget.unit for cell in here} != {"updates"}:
            faults.append(f"tradeoff: {environment}: give its runs a cap, or updates")
    return faults


def _uneven_budgets(cells: Sequence[Cell]) -> list[str]:
    """Learning rates are chosen by whole curves, which all runs have to cover."""
    faults = []
    for environment in dict.fromkeys(cell.environment for cell in cells):
        here = [c for c in cells if c.environment == environment]
        budgets = {c.specification.budget for c in here}
        if len(budgets) > 1 or "updates" in {budget.unit for budget in budgets}:
            cure = "give all its runs one budget in env_steps or episodes"
            faults.append(f"tune: {environment}: curves are compared whole; {cure}")
    return faults


def same_runs(cells: Sequence[Cell]) -> list[str]:
    """Two cells with equal specifications would be the same runs, bit for bit."""
    first: dict[str, Cell] = {}
    faults = []
    for cell in cells:
        other = first.setdefault(canonical_json(cell.specification.to_dict()), cell)
        if other is not cell:
            both = f"{other.label} and {cell.label}"
            faults.append(f"{both} are the same runs; leave one out, or change it")
    return faults


def same_labels(cells: Sequence[Cell]) -> list[str]:
    """Labels name cells in messages and figures, so that each has one of its own."""
    labels = Counter(cell.label for cell in cells)
    alike = [label for label, count in labels.items() if count > 1]
    cure = "learning rates that look alike at three digits; round them"
    return [f"{label}: {cure}" for label in alike]
