"""The chart of gradient measurements: variance or noise scale against N."""

from __future__ import annotations

from pgstudy.analysis.charts.parts import (
    ZOOM,
    Spec,
    estimator,
    number,
    panels,
    shown,
    switch,
    tooltip,
)
from pgstudy.analysis.common.names import FRACTIONS
from pgstudy.experiment.study.study import Study

QUANTITIES = {"variance": "variance of the estimate", "noise_scale": "noise scale"}
SHOWN: Spec = {
    "name": "quantity",
    "value": "variance",
    "bind": {
        "input": "select",
        "options": list(QUANTITIES),
        "labels": list(QUANTITIES.values()),
        "name": "shown: ",
    },
}
KNOWN = tooltip(estimator="estimator", n="N", value="value", low="95 % from", high="to")


def gradients(study: Study, environment: str) -> Spec:
    """A panel for each fraction of training; a list chooses the quantity."""
    x, y = number("n", "N, trajectories per estimate", log=True), _value("value")
    look = {"x": x, "color": estimator(study), "opacity": shown("estimator")}
    point = {"type": "point", "filled": True, "size": 50}
    spec = panels(
        f"{environment}: estimates of the gradient",
        {"field": "at", "sort": list(FRACTIONS)},
        [
            {
                "mark": "line",
                "encoding": {"y": y},
                "params": [switch("estimator"), ZOOM],
            },
            {"mark": "rule", "encoding": {"y": _value("low"), "y2": {"field": "high"}}},
            {"mark": point, "encoding": {"y": y, "tooltip": KNOWN}},
        ],
        look,
    )
    transform = [*_chosen(), {"filter": "datum.value > 0"}]
    return spec | {"params": [SHOWN], "transform": transform}


def _value(name: str) -> Spec:
    return number(name, "", log=True)


def _chosen() -> list[Spec]:
    """The quantity that is chosen, and the ends of its interval."""
    ends = {"value": "", "low": " + '_low'", "high": " + '_high'"}
    return [
        {"calculate": f"toNumber(datum[quantity{end}])", "as": name}
        for name, end in ends.items()
    ]
