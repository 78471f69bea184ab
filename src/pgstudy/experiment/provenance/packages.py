"""The packages that a run's code lies in: installed ones, and a user's own."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pgstudy.experiment.provenance.code_files import is_installed
from pgstudy.learning.environments import registry
from pgstudy.learning.specification import EnvironmentSpecification, RunSpecification


def own_modules(specification: RunSpecification) -> list[str]:
    """Modules of what a user gave by its name, beside the environment's id."""
    wrappers = specification.environment.wrappers or ()
    places = [*(wrapper["id"] for wrapper in wrappers)]
    places += [specification.estimator.weights, specification.policy.network]
    return [place.partition(":")[0] for place in places if place and ":" in place]


def own_packages(
    specification: EnvironmentSpecification, modules: Iterable[str]
) -> set[str]:
    """The packages of a run's modules and environment that are not installed.

    Errors: UnusableEnvironment.
    """
    names = [*_names_of_environment(specification), *modules]
    tops = {name.partition(":")[0].partition(".")[0] for name in names if name}
    return {top for top in tops if not is_installed_package(top)}


def _names_of_environment(specification: EnvironmentSpecification) -> list[str]:
    """Modules, or module:name, that register and make an environment."""
    if specification.vectorize == "envpool":
        return []
    if specification.module is not None:
        registry.load_module(specification.module)
    entry = registry.registered(specification.id)
    wrappers = [wrapper.entry_point for wrapper in entry.additional_wrappers]
    places: list[Any] = [entry.entry_point, entry.vector_entry_point, *wrappers]
    names = [p if isinstance(p, str) else getattr(p, "__module__", "") for p in places]
    return [*names, specification.module or ""]


@functools.cache
def is_installed_package(name: str) -> bool:
    """Whether a package is installed, and so known by its version."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    origin = spec.origin if spec else None
    return origin is not None and is_installed(Path(origin))
