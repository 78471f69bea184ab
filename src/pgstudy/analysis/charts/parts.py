"""Parts of Vega-Lite specifications: colours, legends that switch, points and bands.

A chart reads the CSV of its figure, which the report holds once, for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgstudy.analysis.common import colours
from pgstudy.experiment.study.study import Study

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
HEIGHT, PANEL = 360, 245  # pixels
TEXT = {"labelFontSize": 12, "titleFontSize": 12}
CONFIG = {
    "padding": {"left": 5, "right": 20, "top": 5, "bottom": 5},
    "view": {"stroke": None},
    "axis": {"gridOpacity": 0.4, "titleFontWeight": "normal", **TEXT},
    "legend": TEXT,
    "text": {"fontSize": 12},
}
FAINT = 0.06  # opacity of what is switched off
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
# Scrolling over a chart scrolls the page; with Ctrl it zooms.
ZOOM: Spec = {
    "name": "zoom",
    "select": {"type": "interval", "zoom": "wheel![event.ctrlKey]"},
    "bind": "scales",
}


def top(title: str, params: Sequence[Spec], layer: list[Spec], **more: Any) -> Spec:
    """A whole specification, as wide as the page, without its data.

    The first layer holds the parameters, which all layers know then.
    """
    layers = [layer[0] | {"params": list(params)}, *layer[1:]]
    return {
        "$schema": SCHEMA,
        "title": {"text": title, "anchor": "start", "fontSize": 13},
        "width": "container",
        "height": HEIGHT,
        "layer": layers,
        "config": CONFIG,
        **more,
    }


def panels(title: str, column: Spec, layer: list[Spec], look: Spec) -> Spec:
    """A whole specification of panels side by side, without its data.

    column: the field of the panels. look: the encoding of all layers.
    """
    return {
        "$schema": SCHEMA,
        "title": {"text": title, "anchor": "start", "fontSize": 13},
        "facet": {"column": column | {"type": "nominal", "title": None}},
        "spec": {"width": PANEL, "height": PANEL, "encoding": look, "layer": layer},
        "config": CONFIG,
    }


def switch(field: str) -> Spec:
    """A legend whose entries can be clicked: those that were are shown alone."""
    select = {"type": "point", "fields": [field], "toggle": "true"}
    return {"name": f"by_{field}", "select": select, "bind": "legend"}


def shown(*fields: str, opacity: float = 1.0) -> Spec:
    """The opacity of a mark that the legends of these fields switch."""
    chosen: Spec = {"and": [{"param": f"by_{field}"} for field in fields]}
    condition = {"test": chosen, "value": opacity}
    return {"condition": condition, "value": FAINT * opacity}


def estimator(study: Study) -> Spec:
    """Colours of estimators, those of the figures."""
    names, hues = list(study.estimators), colours.ESTIMATORS
    shades = [hues[i % len(hues)] for i in range(len(names))]
    return {
        "field": "estimator",
        "type": "nominal",
        "scale": {"domain": names, "range": shades},
        "legend": {"orient": "bottom", "title": None, "symbolOpacity": 1},
    }


def sample_count(study: Study) -> Spec:
    """Colours of N, those of the figures."""
    counts = list(study.sample_counts)
    legend = {"orient": "bottom", "title": "N", "symbolType": "square"}
    return {
        "field": "n",
        "type": "ordinal",
        "scale": {"domain": counts, "range": [colours.of_n(n) for n in counts]},
        "legend": legend | {"symbolOpacity": 1},
    }


def dashes(study: Study) -> Spec:
    """Dashes of estimators, where colours stand for N."""
    names = list(study.estimators)
    lines = [DASHES[i % len(DASHES)] for i in range(len(names))]
    return {
        "field": "estimator",
        "type": "nominal",
        "scale": {"domain": names, "range": lines},
        "legend": {"orient": "bottom", "title": None, "symbolType": "stroke"},
    }


def number(field: str, title: str, log: bool = False, **more: Any) -> Spec:
    """A quantity on an axis; a linear one need not begin at 0."""
    scale: Spec = (
        {"type": "log", "nice": False, "padding": 12} if log else {"zero": False}
    )
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": scale,
        **more,
    }


def tooltip(**titles: str) -> list[Spec]:
    """Values by the names of their columns, to be seen under the pointer."""
    return [
        {"field": name, "title": title, **_shape(name)}
        for name, title in titles.items()
    ]


def _shape(name: str) -> Spec:
    if name in ("estimator", "status", "arrived"):
        return {"type": "nominal"}
    return {"type": "quantitative", "format": ",.4~g"}
