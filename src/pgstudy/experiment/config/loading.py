"""From a config to a study: its cells, with every fault at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgstudy.experiment.config import yaml_files
from pgstudy.experiment.config.checks import (
    general_faults,
    own_estimator_faults,
    same_labels,
    same_runs,
    seed_list,
    tune_seeds,
    tuning_faults,
)
from pgstudy.experiment.config.environments import (
    load_modules,
    plain_ids,
    same_start_faults,
    usable_environment,
)
from pgstudy.experiment.config.published_files import load_published
from pgstudy.experiment.config.schema import default, examine, filled
from pgstudy.experiment.config.settings import resolve
from pgstudy.experiment.config.tradeoff import tradeoff_of, with_tradeoff
from pgstudy.experiment.provenance import user_code
from pgstudy.experiment.provenance.identity import NOT_KNOWN, identity_of
from pgstudy.experiment.study.cell import Cell, LeftOut
from pgstudy.experiment.study.estimators import (
    cannot_adapt,
    expanded,
    reason_to_leave_out,
)
from pgstudy.experiment.study.fitting import fitted
from pgstudy.experiment.study.published import Published
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.environments import registry
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.specification import EnvironmentSpecification


def read_config(file: Path) -> Study:
    """The study that a config file describes. Errors: ConfigError."""
    data, repeated = yaml_files.read(file)
    if not isinstance(data, dict):
        raise ConfigError([f"{file} holds no keys and values"])
    return load_study(data, repeated)


def load_study(raw: Mapping[str, Any], known_faults: Sequence[str] = ()) -> Study:
    """The study that a config describes.

    Errors: ConfigError, with all faults, those that its file is known to have first.
    """
    config, sound, faults = examine(raw)
    sound, faults = plain_ids(sound), [*known_faults, *faults]
    faults += load_modules(sound) + general_faults(sound)
    resolvable = "defaults" in sound or "defaults" not in config
    made, found = _every_cell(sound, resolvable)
    cells = [c for c in made if isinstance(c, Cell)]
    left_out = [c for c in made if isinstance(c, LeftOut)]
    faults += found
    if not faults:
        cells, faults = with_tradeoff(sound, cells)
    faults += same_runs(cells) + same_labels(cells)
    if not faults and not cells and left_out:
        faults.append(f"no cell is left: {left_out[0].label}: {left_out[0].reason}")
    published: list[Published] = []
    if not faults:  # they name cells, and without these there would be noise
        of_code = user_code.faults(c.specification for c in cells)
        of_code += own_estimator_faults(config, cells)
        if not of_code:
            cells = [_identified(cell) for cell in cells]
        published, faults = load_published(config.get("published", []), cells)
        faults += tuning_faults(config, cells)
        faults += same_start_faults(config, cells) + of_code
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return assembled(config, cells, left_out, published)


def assembled(
    config: dict[str, Any],
    cells: Sequence[Cell],
    left_out: Sequence[LeftOut] = (),
    published: Sequence[Published] = (),
) -> Study:
    """A study of a sound config and the cells that it describes."""
    seeds = _one_spelling(config)
    return Study(
        name=config["study"],
        seeds=tuple(seeds),
        seeds_per_job=config.get("seeds_per_job"),
        job_minutes=config.get("job_minutes", default("job_minutes")),
        bins=config.get("bins", default("bins")),
        cells=tuple(cells),
        left_out=tuple(left_out),
        published=tuple(published),
        verify=config.get("verify", {}).get("runs", "one-per-cell"),
        gradients=filled("gradients", config),
        tune_seeds=tuple(tune_seeds(config)),
        config=config,
        tradeoff=tradeoff_of(config),
    )


def _identified(cell: Cell) -> Cell:
    """The cell with the code and versions that its runs are made with."""
    return replace(cell, identity=identity_of(cell.specification))


def _one_spelling(config: dict[str, Any]) -> list[int]:
    """Write seeds=2 and [1, 0] alike, since they are one study. Returns the seeds."""
    seeds = seed_list(config["seeds"])
    config["seeds"] = len(seeds) if seeds == list(range(len(seeds))) else seeds
    config["sample_counts"].sort()
    return seeds


def _every_cell(
    sound: Mapping[str, Any], resolvable: bool
) -> tuple[list[Cell | LeftOut], list[str]]:
    """The cells of all environments, and the faults; none if they can't be resolved."""
    made: list[Cell | LeftOut] = []
    faults: list[str] = []
    for index, entry in enumerate(sound.get("environments", [])):
        if entry is None:
            continue
        environment, layout, found = usable_environment(sound, index)
        faults += found
        if not resolvable:
            continue
        try:
            made += list(_environment_cells(sound, entry, environment, layout))
        except ConfigError as error:
            faults += error.faults
    return made, faults


def _environment_cells(
    config: Mapping[str, Any],
    entry: Mapping[str, Any],
    environment: EnvironmentSpecification,
    layout: Layout | None,
) -> Iterator[Cell | LeftOut]:
    name = entry.get("name", entry["id"])
    faults: list[str] = []
    for estimator in map(expanded, filter(None, config.get("estimators", []))):
        pair = entry.get("estimators", {}).get(estimator["name"], {})
        places = [config.get("defaults", {}), entry, estimator, pair]
        counts = estimator.get("sample_counts", config.get("sample_counts", []))
        for n in sorted(set(counts)):
            reason = reason_to_leave_out(estimator, n) or cannot_adapt(estimator, n)
            if n not in config.get("sample_counts", [n]):
                reason = f"{n} is not among the study's sample_counts"
            if reason:
                yield LeftOut(name, estimator["name"], n, reason)
                continue
            try:
                for specification in resolve(places, n, environment, estimator):
                    fit = fitted(specification, layout)
                    yield Cell(
                        name, estimator["name"], fit, _threshold(entry), NOT_KNOWN
                    )
            except ConfigError as error:
                where = f"{name}, {estimator['name']}"
                faults += [f"{where}: {fault}" for fault in error.faults]
    if faults:
        raise ConfigError(faults)


def _threshold(entry: Mapping[str, Any]) -> float | None:
    registered = None
    with contextlib.suppress(UnusableEnvironment):  # reported elsewhere
        if "wrappers" not in entry:  # they may pay otherwise
            registered = registry.facts(entry["id"]).reward_threshold
    threshold: float | None = entry.get("threshold", registered)
    return threshold
