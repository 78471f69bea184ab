"""The charts of a study, by the names of the figures that they stand in for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from pgstudy.analysis.charts import gradients, law, returns
from pgstudy.analysis.charts.parts import Spec
from pgstudy.analysis.common.names import UNITS, FigureKey, figure_keys
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.experiment.study.study import Study

HERE = Path(__file__).parent
# Vega, Vega-Lite and vega-embed in one file; `python -m tests.vega --write` makes it.
LIBRARY = HERE / "vega.js"
SHOW = HERE / "show.js"

# By the kind of the figure; kinds that are not here have a picture only.
KINDS: dict[str, Callable[[Study, str], Spec]] = {
    "learning_curves": lambda s, e: returns.curves(s, e, "at", UNITS[s.unit(e)]),
    "equal_updates": lambda s, e: returns.curves(s, e, "update", "updates"),
    "tuning": returns.learning_rates,
    "gradients": gradients.gradients,
    "final_return": returns.final_returns,
}


def specs(study: Study, found: Tradeoffs | None) -> dict[str, str]:
    """Specifications as JSON. Each takes the CSV of its figure as its data."""
    return {name: json.dumps(spec) for name, spec in _specs(study, found)}


def _specs(study: Study, found: Tradeoffs | None) -> Iterator[tuple[str, Spec]]:
    for key in figure_keys(study):
        if key.kind == "tradeoff" and found is not None:
            yield key.name, law.tradeoff(study, found, key.environment)
        elif key.kind in KINDS and not _hides_some(study, key):
            yield key.name, KINDS[key.kind](study, key.environment)


HIDING = ("learning_curves", "final_return")


def _hides_some(study: Study, key: FigureKey) -> bool:
    """Whether the figure shows a part of its CSV: the best learning rate of an N."""
    return study.sweeps_learning_rates and key.kind in HIDING


def scripts() -> tuple[str, str]:
    """The library and what draws the charts, to be put into the report."""
    return LIBRARY.read_text("utf-8"), SHOW.read_text("utf-8")
