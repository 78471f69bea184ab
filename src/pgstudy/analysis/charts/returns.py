"""Charts of returns: learning curves, final returns, and learning rates."""

from __future__ import annotations

from pgstudy.analysis.charts.parts import (
    ZOOM,
    Spec,
    dashes,
    estimator,
    number,
    panels,
    sample_count,
    shown,
    switch,
    tooltip,
    top,
)
from pgstudy.experiment.study.study import Study

RETURN = "return of the training batches"
LAST = "return, last tenth of training"
CHOSEN = "datum.chosen === 'True' || datum.chosen === true"
CELL = {"estimator": "estimator", "n": "N", "learning_rate": "learning rate"}
BOUNDS = {"low": "95 % from", "high": "to"}


def curves(study: Study, environment: str, at: str, title: str) -> Spec:
    """Mean return against `at`, all estimators in one panel: a line per N and
    estimator, with its interval.
    """
    known = tooltip(**CELL, **{at: title, "mean": "mean return"}, **BOUNDS, runs="runs")
    x, mean, low = number(at, title), number("mean", RETURN), number("low", RETURN)
    faint, full = (shown("n", "estimator", opacity=value) for value in (0.13, 1))
    colour = {"color": sample_count(study)}
    line = {"strokeDash": dashes(study), "opacity": full, "y": mean}
    band = {"y": low, "y2": {"field": "high"}, "opacity": faint}
    return top(
        f"{environment}: return against {title}",
        [switch("n"), switch("estimator"), ZOOM],
        encoding={
            "x": x | {"axis": {"format": "~s"}},
            "detail": {"field": "estimator"},
        },
        layer=[
            {"mark": "area", "encoding": colour | band},
            {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": colour | line},
            {
                "mark": {"type": "point", "size": 70, "opacity": 0},
                "encoding": {"y": mean, "tooltip": known},
            },
        ],
    )


def final_returns(study: Study, _: str) -> Spec:
    """Every run's return over the last tenth of training, with means over seeds."""
    apart = {"field": "estimator", "scale": {"domain": list(study.estimators)}}
    x = {"field": "n", "type": "ordinal", "title": "N", "axis": {"labelAngle": 0}}
    look = {"color": estimator(study), "xOffset": apart, "x": x}
    faint, full = (shown("estimator", opacity=value) for value in (0.35, 1))
    seeds = tooltip(**CELL, seed="seed", status="status", final_return="return")
    means = tooltip(**CELL, mean="mean return", **BOUNDS)
    y, of_mean, low = (number(k, LAST) for k in ("final_return", "mean", "low"))
    dots = {"y": y, "tooltip": seeds, "opacity": faint}
    interval = {"y": low, "y2": {"field": "high"}, "opacity": full}
    spec = panels(
        "Return over the last tenth of training",
        {"field": "environment", "sort": list(study.environments)},
        [
            {
                "mark": {"type": "circle", "size": 16},
                "encoding": dots,
                "params": [switch("estimator")],
            },
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": interval},
            {
                "mark": {"type": "point", "filled": True, "size": 55},
                "encoding": {"y": of_mean, "tooltip": means, "opacity": full},
            },
        ],
        look,
    )
    return spec | {"resolve": {"scale": {"y": "independent"}}}


def learning_rates(study: Study, environment: str) -> Spec:
    """What the tuning runs gave at each learning rate; chosen ones are filled."""
    value = "mean updates to the threshold" if study.tradeoff else "mean learning curve"
    both = "n", "estimator"
    y = number("value", f"{value}, tuning seeds", log=study.tradeoff is not None)
    look = {"x": number("learning_rate", "learning rate", log=True), "y": y}
    point = {
        "color": sample_count(study),
        "opacity": shown(*both),
        "tooltip": tooltip(**CELL, value=value),
    }
    line = {
        "color": sample_count(study),
        "strokeDash": dashes(study),
        "opacity": shown(*both),
    }
    return top(
        f"{environment}: learning rates, chosen ones filled",
        [switch("n"), switch("estimator"), ZOOM],
        encoding=look,
        layer=[
            {"mark": {"type": "line", "strokeWidth": 1.3}, "encoding": line},
            {"mark": {"type": "point", "size": 40}, "encoding": point},
            {
                "transform": [{"filter": CHOSEN}],
                "mark": {"type": "point", "size": 110, "filled": True},
                "encoding": point,
            },
        ],
    )
