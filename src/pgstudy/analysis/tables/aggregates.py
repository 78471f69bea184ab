"""Cells beside cells: aggregate scores, profiles, pairs, and what more seeds would buy.

Made from `Tables`. The rule for runs that did not finish is `DENOMINATOR`, here alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.common.columns import AGGREGATES, names
from pgstudy.analysis.common.csv_files import TableSet
from pgstudy.analysis.common.numbers import number
from pgstudy.analysis.statistics import comparisons, improvement
from pgstudy.analysis.statistics.basics import Array
from pgstudy.analysis.tables.build import Tables, at_best_learning_rates, rows_of
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Study

DENOMINATOR = (
    'Every run asked for is in the denominator of "k of n". A run that diverged, got '
    "stuck, failed or is missing is in no mean of returns; in scores and profiles it "
    "counts as 0, as good as untrained, and in a pair it loses."
)
SCORE = (
    "Score: 0 is the untrained policy, 1 the environment's threshold; an environment "
    "has none without one, or where the untrained policy is there already."
)
GRID = np.linspace(0, 1.2, 61)


@dataclass(frozen=True)
class Aggregates(TableSet):
    """scores: a row per estimator, N and aggregate, over environments; profiles: the
    share of runs above each score; pairs: two cells of one environment; adequacy: the
    width of the interval that fewer seeds would have given.
    """

    SCHEMAS = AGGREGATES

    scores: pd.DataFrame
    profiles: pd.DataFrame
    pairs: pd.DataFrame
    adequacy: pd.DataFrame


def build(study: Study, tables: Tables) -> Aggregates:
    """All four. Of several learning rates at one N the best one stands for it."""
    shown = at_best_learning_rates(study, tables)
    scores = []
    for (estimator, n), group in _across_environments(shown).items():
        found = [_scores(tables, cell) for cell in group]
        strata = [values for values in found if values is not None]
        if not strata:
            continue
        place = {
            "estimator": estimator,
            "n": n,
            "environments": len(strata),
            "runs": sum(map(len, strata)),
        }
        scores += [place | row for row in _score_rows(strata)]
    pairs = [row for e in study.environments for row in _pairs(tables, shown, e)]
    profiles = [row for cell in shown.cells for row in _profile(tables, cell)]
    adequacy = [row for cell in shown.cells for row in _adequacy(tables, cell)]
    return Aggregates(
        _table("scores", scores),
        _table("profiles", profiles),
        _table("pairs", pairs),
        _table("adequacy", adequacy),
    )


def _profile(tables: Tables, cell: Cell) -> list[dict[str, Any]]:
    """Of one cell, since a curve over environments has the steps of each."""
    if (scores := _scores(tables, cell)) is None:
        return []
    place = [cell.environment, cell.estimator, cell.n, len(scores)]
    found = comparisons.performance_profile([scores], GRID)
    rows = [[*place, *row] for row in zip(GRID, *found, strict=True)]
    return [dict(zip(names(AGGREGATES["profiles"]), row, strict=True)) for row in rows]


def _table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=names(AGGREGATES[name]))


def _across_environments(study: Study) -> dict[tuple[str, int], list[Cell]]:
    found: dict[tuple[str, int], list[Cell]] = {}
    for cell in study.cells:
        found.setdefault((cell.estimator, cell.n), []).append(cell)
    return found


def unscored(study: Study, tables: Tables) -> dict[str, str]:
    """Environments without scores, each with the reason."""
    found = {}
    for environment in study.environments:
        reasons = [_no_scores(tables, c) for c in study.cells_of(environment)]
        if all(reasons):
            found[environment] = reasons[0]
    return found


def _no_scores(tables: Tables, cell: Cell) -> str:
    """Why a cell has no scores; empty if it has."""
    untrained = _untrained(tables, cell.environment)
    if cell.threshold is None:
        return "it has no threshold"
    if math.isnan(untrained):
        return "no untrained return was measured"
    if cell.threshold > untrained:
        return ""
    return (
        f"its threshold, {number(cell.threshold)}, is not above the untrained return, "
        f"{number(untrained)}"
    )


def _untrained(tables: Tables, environment: str) -> float:
    place = tables.runs["environment"] == environment
    return float(tables.runs.loc[place, "untrained_return"].dropna().mean())


def _scores(tables: Tables, cell: Cell) -> Array | None:
    """(final - untrained) / (threshold - untrained) of each run: [n]."""
    if cell.threshold is None or _no_scores(tables, cell):
        return None
    untrained = _untrained(tables, cell.environment)
    returns = rows_of(tables.runs, cell)["final_return"].to_numpy(np.float64)
    return np.nan_to_num((returns - untrained) / (cell.threshold - untrained), nan=0.0)


def _score_rows(strata: list[Array]) -> Iterator[dict[str, Any]]:
    for name, aggregate in comparisons.AGGREGATES.items():
        yield {"aggregate": name, **aggregate(strata)._asdict()}


def _pairs(tables: Tables, study: Study, environment: str) -> list[dict[str, Any]]:
    """Every two cells of an environment."""
    pairs = itertools.combinations(study.cells_of(environment), 2)
    rows = [_pair(tables, one, two) for one, two in pairs]
    adjusted = comparisons.holm(np.array([row["p"] for row in rows], np.float64))
    return [row | {"p_holm": p} for row, p in zip(rows, adjusted, strict=True)]


def _pair(tables: Tables, one: Cell, two: Cell) -> dict[str, Any]:
    """`two` beside `one`: difference two - one, and P(two > one)."""
    values = [
        rows_of(tables.runs, c)["final_return"].to_numpy(np.float64) for c in (one, two)
    ]
    finished = [v[~np.isnan(v)] for v in values]
    welch = comparisons.welch(finished[1], finished[0])
    ranked = [np.nan_to_num(v, nan=-np.inf) for v in values]
    better = improvement.probability_of_improvement(ranked[1], ranked[0])
    p = 2 * min(improvement.rank_tests(ranked[1], ranked[0]))
    return {
        "environment": one.environment,
        "one_estimator": one.estimator,
        "one_n": one.n,
        "two_estimator": two.estimator,
        "two_n": two.n,
        "one_finished": len(finished[0]),
        "two_finished": len(finished[1]),
        **welch._asdict(),
        "improvement": better.estimate,
        "improvement_low": better.low,
        "improvement_high": better.high,
        "improvement_p": min(p, 1.0),
    }


def neighbours(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs that differ in N alone, or in the estimator alone."""
    same_n = pairs["one_n"] == pairs["two_n"]
    return pairs[same_n | (pairs["one_estimator"] == pairs["two_estimator"])]


def _adequacy(tables: Tables, cell: Cell) -> Iterator[dict[str, Any]]:
    values = rows_of(tables.runs, cell)["final_return"].dropna().to_numpy(np.float64)
    n = len(values)
    counts = sorted({k for k in (2, 3, 5, 10, 20, 50, n) if 2 <= k <= n})
    widths = comparisons.width_by_seeds(values, counts)
    for seeds, width in zip(counts, widths, strict=True):
        yield {
            "environment": cell.environment,
            "estimator": cell.estimator,
            "n": cell.n,
            "finished": n,
            "seeds": seeds,
            "width": width,
        }
