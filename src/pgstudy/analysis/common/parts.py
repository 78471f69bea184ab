"""The parts that some steps are made in: a job each, on as many cores as there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pgstudy.analysis.common.names import FRACTIONS
from pgstudy.experiment.study.cell import Cell, folder_name
from pgstudy.experiment.study.study import Study

TOGETHER = ""  # the part of what shows all environments at once


class Measurement(NamedTuple):
    """Gradients at one policy: of an estimator's run, `at` a fraction of it."""

    environment: str
    estimator: str
    at: str

    @property
    def file(self) -> Path:
        """Its rows, below the folder of the study."""
        place = Path("gradients/parts", *map(folder_name, self[:2]))
        return place / f"{self.at}.csv"


def measurements(study: Study, environment: str = "") -> list[Measurement]:
    """Those of an environment, or of all, in the order of their rows.

    None where the study measures nothing.
    """
    if study.gradients is None:
        return []
    return [
        Measurement(name, owner, at)
        for name in ([environment] if environment else study.environments)
        for owner in measured_at(study, name)
        for at in FRACTIONS
    ]


def measured_at(study: Study, environment: str) -> dict[str, list[str]]:
    """Which estimators are measured at the policies of which estimator's run.

    One that remembers at its own, all others at the first one's.
    """
    cells = study.cells_of(environment)
    estimators = {c.estimator: c.specification.estimator for c in cells}
    first = next(iter(estimators))
    found: dict[str, list[str]] = {first: []}
    for name, how in estimators.items():
        found.setdefault(name if how.remembers else first, []).append(name)
    return {owner: names for owner, names in found.items() if names}


def measured_cell(study: Study, environment: str, estimator: str) -> Cell:
    """The cell whose policies are measured: the estimator's largest N."""
    return max(study.cells_of(environment, estimator), key=lambda c: c.n)


def _measured_environments(study: Study) -> list[tuple[str, ...]]:
    return [(e,) for e in study.environments if study.gradients is not None]


PARTS: dict[str, Callable[[Study], list[tuple[str, ...]]]] = {
    "measure": lambda study: [tuple(m) for m in measurements(study)],
    "gradients": _measured_environments,
    "law": lambda study: [()] if study.tradeoff else [],
    "figures": lambda study: [(e,) for e in (*study.environments, TOGETHER)],
}


def parts(step: str, study: Study) -> list[tuple[str, ...]]:
    """All parts of a step, as its function takes them; a single one of most steps."""
    return PARTS[step](study) if step in PARTS else [()]


def part_name(step: str, part: tuple[str, ...]) -> str:
    """What the record of a part is called: no label has a comma in its folder's name.

    That of all environments together, or of a whole step, is called as the step.
    """
    named = ",".join(map(folder_name, part))
    return f"{step}-{named}" if named else step
