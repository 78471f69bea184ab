"""The chart of a trade-off study: trajectories against updates to the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgstudy.analysis.charts.parts import (
    ZOOM,
    Spec,
    estimator,
    number,
    shown,
    switch,
    tooltip,
    top,
)
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.law.fit import Law
from pgstudy.experiment.study.study import Study

AXES = {
    "x": number("updates", "S, updates to the threshold", log=True),
    "y": number("trajectories", "E, trajectories to the threshold", log=True),
}
ENDS = ("x2", "updates_high"), ("y2", "trajectories_high")
INTERVAL = {
    "x": {"field": "updates_low", "type": "quantitative"},
    "y": {"field": "trajectories_low", "type": "quantitative"},
    **{axis: {"field": name} for axis, name in ENDS},
}
DOT: Spec = {"type": "point", "filled": True, "size": 90}
LABEL: Spec = {"type": "text", "dx": 8, "dy": -8, "align": "left"}
POINT = tooltip(
    estimator="estimator", n="N", learning_rate="learning rate", arrived="arrived",
    updates="S, updates", updates_low="95 % from", updates_high="to",
    trajectories="E, trajectories", law_updates="S by the law",
)  # fmt: skip
PARTLY = "toNumber(datum.arrived) < toNumber(datum.runs)"  # they are hollow
STEPS = 61  # points of a curve
STAR = "M0,-1L0.29,-0.4L0.95,-0.31L0.48,0.15L0.59,0.81L0,0.5L-0.59,0.81L-0.48,0.15L-0.95,-0.31L-0.29,-0.4Z"  # noqa: E501


def tradeoff(study: Study, found: Tradeoffs, environment: str) -> Spec:
    """Each N with its interval, the fitted laws and the predicted critical N."""
    look = {"color": estimator(study), "opacity": shown("estimator")}
    place = AXES | look
    curves, stars = _lines(found, environment)
    label = {"text": {"field": "n", "type": "quantitative"}}
    predicted = tooltip(estimator="estimator", n="predicted critical N")
    star = place | {"tooltip": predicted, "stroke": {"value": "black"}}
    interval = INTERVAL | look | {"opacity": shown("estimator", opacity=0.3)}
    return top(
        f"{environment}: what N buys",
        [switch("estimator"), ZOOM],
        layer=[
            _own(curves, {"type": "line"}, place | {"detail": {"field": "estimator"}}),
            {"mark": {"type": "rule", "strokeWidth": 5}, "encoding": interval},
            {"mark": DOT, "encoding": place | {"tooltip": POINT}},
            {
                "transform": [{"filter": PARTLY}],
                "mark": DOT | {"size": 20, "color": "white"},
                "encoding": AXES | {"opacity": shown("estimator")},
            },
            {"mark": LABEL, "encoding": place | label},
            _own(stars, DOT | {"shape": STAR, "size": 160}, star),
        ],
    )


def _own(values: list[dict[str, Any]], mark: Any, encoding: Spec) -> Spec:
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _lines(found: Tradeoffs, environment: str) -> tuple[list[Spec], list[Spec]]:
    """Points of the fitted laws, and the predictions on them."""
    curves: list[Spec] = []
    stars: list[Spec] = []
    laws = found.laws[found.laws["environment"] == environment]
    points = found.points[found.points["environment"] == environment]
    for row in laws.to_dict("records"):
        law = Law(row["s_min"], row["e_min"])
        counts = points.loc[points["estimator"] == row["estimator"], "n"]
        n, *_ = law.curve(counts.to_numpy(float), STEPS)
        curves += _on_law(law, row["estimator"], n)
        if np.isfinite(row["predicted_n"]):
            stars += _on_law(law, row["estimator"], np.array([row["predicted_n"]]))
    return curves, stars


def _on_law(law: Law, name: str, counts: Any) -> list[Spec]:
    every = zip(counts.tolist(), law.updates(counts).tolist(), strict=True)
    return [
        {"estimator": name, "n": n, "updates": s, "trajectories": n * s}
        for n, s in every
    ]
