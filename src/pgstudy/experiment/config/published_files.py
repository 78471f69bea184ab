"""Files of published values: one figure, table or example of a publication each.

Their form is workflow/schemas/published.schema.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pgstudy.experiment.config import yaml_files
from pgstudy.experiment.config.environments import exact_faults
from pgstudy.experiment.config.messages import short
from pgstudy.experiment.config.schema import (
    defaults,
    faults_of_form,
    normalise,
    published_schema,
)
from pgstudy.experiment.study.cell import Cell, learning_rate_text
from pgstudy.experiment.study.published import (
    EXACT,
    OF_RUNS,
    Check,
    Exact,
    Published,
    PublishedFigure,
)
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.places import ROOT
from pgstudy.learning.environments.actions import Finite
from pgstudy.learning.environments.trial import check

Data = Mapping[str, Any]


def find(name: str) -> Path:
    """A file by its path below the working folder, or else below pgstudy's own.

    Errors: ConfigError, for one that lies elsewhere: what is in it would be quoted.
    """
    here = Path(name)
    file = here if here.is_file() else ROOT / name
    places = (Path.cwd(), ROOT)
    if not any(file.resolve().is_relative_to(place.resolve()) for place in places):
        raise ConfigError(["it is not below the folder that the study is run in"])
    return file


def load_published(
    names: Sequence[str], cells: Sequence[Cell]
) -> tuple[list[Published], list[str]]:
    """What the files hold, with the cells they mean, and all their faults."""
    made: list[Published] = []
    faults: list[str] = []
    for name in names:
        try:
            made.append(_published(name, _read(name), cells))
        except ConfigError as error:
            faults += [
                f"published: {short(name, 300)}: {fault}" for fault in error.faults
            ]
    slugs = [published.slug for published in made]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    faults += [f"published: '{slug}' is there more than once" for slug in twice]
    return made, faults


def _read(name: str) -> Any:
    try:
        file = find(name)
        there = file.exists()
    except (OSError, ValueError, RuntimeError) as error:  # no name of a file, a loop
        raise ConfigError([f"it can't be read: {error}"]) from None
    if not there:
        raise ConfigError(["there is no such file"])
    data, faults = yaml_files.read(file)
    data = normalise(data)
    faults += faults_of_form(data, published_schema())
    if faults:
        raise ConfigError(faults)
    return data


def _published(name: str, data: Data, cells: Sequence[Cell]) -> Published:
    faults: list[str] = []
    checks: list[Check] = []
    for row in data["checks"]:
        try:
            checks.append(_check(row, cells, exact="exact" in data))
        except ConfigError as error:
            faults += [f"check '{row['id']}': {fault}" for fault in error.faults]
    ids = [row["id"] for row in data["checks"]]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    faults += [f"check '{i}' is there twice" for i in twice]
    exact, figure = None, None
    if "exact" in data:
        exact = Exact(**data["exact"])
        faults += exact_faults(exact.environment)
    try:
        if "figure" in data:
            figure = _figure(data["figure"], cells, exact is not None)
    except ConfigError as error:
        faults += [f"figure: {fault}" for fault in error.faults]
    if faults:
        raise ConfigError(faults)
    plain = defaults(published_schema()["properties"]) | dict(data)
    shared = {key: plain[key] for key in ("source", "item", "page", "note", "runs")}
    return Published(name, exact=exact, figure=figure, checks=tuple(checks), **shared)


def _check(row: Data, cells: Sequence[Cell], exact: bool) -> Check:
    measures = [key for key in (*OF_RUNS, *EXACT) if key in row]
    faults = []
    if len(measures) != 1:
        faults.append(f"give exactly one of {', '.join((*OF_RUNS, *EXACT))}")
    elif exact != (measures[0] in EXACT):
        faults.append(f"{measures[0]} {'needs no' if exact else 'needs'} 'exact'")
    bounds = [key for key in ("tolerance", "standard_error") if key in row]
    if ("value" in row) == ("below" in row) or len(bounds) != ("value" in row):
        faults.append("give value and tolerance, value and standard_error, or below")
    if faults:
        raise ConfigError(faults)
    measure, cell = measures[0], None
    if measure in OF_RUNS:
        cell = _cell(row.get("cell", {}), cells)
        _require_measurable(measure, row[measure], cell)
    keys = ("id", "kind", "why", "value", "below", *bounds)
    shared = {key: row[key] for key in keys if key in row}
    return Check(measure=measure, argument=row[measure], cell=cell, **shared)


def _require_measurable(measure: str, argument: Any, cell: Cell) -> None:
    budget, policy = cell.specification.budget, cell.specification.policy
    if measure == "mean_return":
        if budget.unit != "episodes":
            raise ConfigError(["mean_return needs a budget in episodes"])
        if not 1 <= argument[0] <= argument[1] <= budget.amount:
            fault = f"there are no episodes {argument[0]} to {argument[1]}"
            raise ConfigError([f"mean_return: {fault} among {budget.amount}"])
    if measure == "action_probability":
        layout = check(cell.specification.environment)
        discrete = isinstance(layout.actions, Finite)
        layers = policy.hidden or policy.network
        if layers or not discrete or not layout.one_hot or layout.inputs != 1:
            cause = "discrete actions, a policy without hidden layers, and states that"
            raise ConfigError([f"action_probability needs {cause} all look alike"])
        if not argument < layout.actions.size:
            raise ConfigError([f"action_probability: there is no action {argument}"])


def _cell(wanted: Data, cells: Sequence[Cell]) -> Cell:
    found = [cell for cell in cells if wanted.items() <= _labels(cell).items()]
    if len(found) == 1:
        return found[0]
    count = "no cell" if not found else f"{len(found)} cells"
    shown = dict(wanted)
    if "step_size" in shown:
        shown["step_size"] = learning_rate_text(shown["step_size"])
    asked = ", ".join(f"{key} {value}" for key, value in shown.items())
    raise ConfigError([f"{count} of this study fit ({asked or 'no cell given'})"])


def _labels(cell: Cell) -> Data:
    return {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "step_size": cell.learning_rate,
    }


def _figure(data: Data, cells: Sequence[Cell], exact: bool) -> PublishedFigure:
    low, high = data["y"]
    faults = [] if low < high else [f"y: {low} is not below {high}"]
    if exact == ("cells" in data):
        faults.append("an exact figure has no cells, every other one needs them")
    lines = []
    for index, wanted in enumerate(data.get("cells", [])):
        try:
            lines.append(_cell(wanted, cells))
        except ConfigError as error:
            faults += [f"cells[{index}]: {fault}" for fault in error.faults]
    places = {cell.environment for cell in lines}
    budgets = [c.specification.budget for c in cells if c.environment in places]
    if any(budget.unit != "episodes" for budget in budgets):
        faults.append("its environments need all their budgets in episodes")
    if faults:
        raise ConfigError(faults)
    return PublishedFigure((float(low), float(high)), tuple(lines), data.get("line"))
