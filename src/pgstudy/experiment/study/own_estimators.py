"""Users' own estimators, called once before any run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.learning.environments.spaces import UnusableEnvironment
from pgstudy.learning.estimators.own import UnusableWeights
from pgstudy.learning.estimators.own_trial import check
from pgstudy.learning.specification import Credit, EstimatorSpecification

SECONDS = 60  # for all the batches of a check


def faults(entries: Iterable[Mapping[str, Any]], cells: Iterable[Cell]) -> list[str]:
    """Why some can't be used; `entries` are the config's, `cells` those made of them.

    An entry with a `credit` promises what `own_trial.check` then looks for.
    """
    promised = {entry["name"]: entry.get("credit") for entry in entries}
    found = []
    for cell in _different(cells):
        how = cell.specification.estimator
        size = how.trajectories_per_start or cell.n
        if reason := fault(how, size, promised[cell.estimator]):
            name = f"estimators '{cell.estimator}', weights: {how.weights}"
            found.append(f"{name} can't be used: {reason}")
    return found


def fault(
    how: EstimatorSpecification, n: int = 4, promised: Credit | None = None
) -> str:
    """Why an estimator can't be used for N trajectories; empty if it can."""
    try:
        _check(how, n, promised)
    except (UnusableWeights, UnusableEnvironment) as error:
        return str(error)
    return ""


def _different(cells: Iterable[Cell]) -> list[Cell]:
    """One of those with one estimator and one N, whatever their environments are."""
    own = [c for c in cells if c.specification.estimator.weights is not None]
    return list({(cell.estimator, cell.n): cell for cell in own}.values())


def _check(how: EstimatorSpecification, n: int, promised: Credit | None) -> None:
    """First where it can't take this process along, or hang it."""

    def attempt() -> None:
        with contextlib.suppress(Exception, SystemExit):  # said by the check itself
            check(how, n, promised)

    try:
        in_child(attempt, SECONDS)
    except Died as death:
        raise UnusableWeights(f"called for a few batches, {death}") from None
    check(how, n, promised)
