"""What each N took to the threshold, and the law through all N of an estimator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.common.columns import LAWS, POINTS, names
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.law.censored import Point
from pgstudy.analysis.law.fit import Fit, fit
from pgstudy.analysis.law.prediction import Prediction, predicted
from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.statistics.variances import columns
from pgstudy.analysis.tables.build import Tables, rows_of
from pgstudy.analysis.tables.tuning import at_edge, updates_taken
from pgstudy.experiment.store.record import COMPLETE
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Study

FEWEST = 2  # values of N with runs that arrived: a law has two numbers


@dataclass(frozen=True)
class _Source:
    """tuning: the tables of the study that chose the learning rates, if one did."""

    study: Study
    tables: Tables
    tuning: Tables | None
    gradients: pd.DataFrame


def build(
    study: Study, tables: Tables, tuning: Tables | None, gradients: pd.DataFrame
) -> Tradeoffs:
    """Both tables of a trade-off study."""
    source = _Source(study, tables, tuning, gradients)
    points, laws = [], []
    for environment in study.environments:
        for estimator in study.estimators:
            cells = study.cells_of(environment, estimator)
            if cells and cells[0].specification.estimator.adaptive is not None:
                points += list(_adaptive_rows(source, cells))
                continue
            found = [(c, p) for c in cells if (p := _point(source, c)) is not None]
            arrived = [bool((p.updates < p.cap).any()) for _, p in found]
            if sum(arrived) < FEWEST:
                continue
            fitted = fit([point for _, point in found])
            points += list(_point_rows(source, found, fitted))
            noise = predicted(gradients, environment, estimator)
            laws.append(_law_row(found, fitted, noise))
    return Tradeoffs(
        pd.DataFrame(points, columns=names(POINTS)),
        pd.DataFrame(laws, columns=names(LAWS)),
    )


def _point(source: _Source, cell: Cell) -> Point | None:
    """The runs of a cell; None if fewer than two have ended."""
    cap = float(cell.specification.budget.amount)
    updates = updates_taken(rows_of(source.tables.runs, cell), cap)
    if len(updates) < 2:
        return None
    tried = np.empty((0, 0))
    if source.tuning is not None:
        tried = _tried(source.tuning.runs, cell, cap)
    return Point(cell.n, updates, cap, tried)


def _tried(runs: pd.DataFrame, cell: Cell, cap: float) -> Array:
    """The same of all learning rates that all tuning seeds tried: [rates, seeds]."""
    here = (runs["environment"] == cell.environment) & (runs["n"] == cell.n)
    here &= runs["estimator"] == cell.estimator
    rows = [
        updates_taken(group, cap) for _, group in runs[here].groupby("learning_rate")
    ]
    most = max((len(row) for row in rows), default=0)
    return np.array([row for row in rows if len(row) == most]).reshape(-1, most)


def _point_rows(
    source: _Source, found: list[tuple[Cell, Point]], fitted: Fit
) -> Iterator[dict[str, Any]]:
    edges = at_edge(source.study, source.tuning)
    for (cell, point), updates in zip(found, fitted.updates, strict=True):
        law = float(fitted.law.updates(np.array([float(cell.n)]))[0])
        yield {
            **_facts(source, cell, point),
            **columns("updates", updates),
            **columns("trajectories", _times(updates, cell.n)),
            "law_updates": law,
            "law_trajectories": cell.n * law,
            "edge": edges.get(cell.group, ""),
        }


def _adaptive_rows(source: _Source, cells: list[Cell]) -> Iterator[dict[str, Any]]:
    """Of an estimator whose N adapts: no law, and the trajectories that its runs had.

    A run that did not arrive counts with its cap, and with as many trajectories an
    update as it had.
    """
    edges = at_edge(source.study, source.tuning)
    for cell in cells:
        if (point := _point(source, cell)) is None:
            continue
        runs = rows_of(source.tables.runs, cell)
        ended = runs[runs["status"].isin(COMPLETE)]
        each = (ended["episodes"] / ended["updates"]).to_numpy(float)
        yield {
            **_facts(source, cell, point),
            **columns("updates", intervals.mean([point.updates])),
            **columns("trajectories", intervals.mean([each * point.updates])),
            "edge": edges.get(cell.group, ""),
        }


def _facts(source: _Source, cell: Cell, point: Point) -> dict[str, Any]:
    runs = rows_of(source.tables.runs, cell)
    ends = runs.loc[runs["status"] == "finished", "evaluation_return"]
    ends = ends[runs["updates"] < point.cap].dropna()
    return {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "learning_rate": cell.learning_rate,
        "runs": len(point.updates),
        "arrived": int((point.updates < point.cap).sum()),
        "cap": int(point.cap),
        "threshold": cell.threshold,
        **columns("end_return", intervals.mean([ends.to_numpy(float)])),
    }


def _law_row(
    found: list[tuple[Cell, Point]], fitted: Fit, noise: Prediction
) -> dict[str, Any]:
    cell, critical = found[0][0], fitted.critical_n
    known = math.isfinite(critical.estimate)
    ratio = noise.critical_n.estimate / critical.estimate if known else math.nan
    return {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "points": len(found),
        "runs": sum(len(point.updates) for _, point in found),
        "arrived": sum(int((p.updates < p.cap).sum()) for _, p in found),
        **columns("s_min", fitted.s_min),
        **columns("e_min", fitted.e_min),
        **columns("critical_n", critical),
        "fit_p": fitted.p,
        "noise_start": noise.start,
        "noise_end": noise.end,
        **columns("predicted_n", noise.critical_n),
        "predicted_ratio": ratio if math.isfinite(ratio) else math.nan,
    }


def _times(found: Interval, factor: float) -> Interval:
    return Interval(*(factor * value for value in found))
