"""What the study says, claim by claim: an estimate, its interval and a verdict."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.aggregates import Aggregates
from pgstudy.analysis.comparisons import Interval
from pgstudy.analysis.names import FRACTIONS
from pgstudy.analysis.tables import Tables, at_best_step_sizes, rows_of
from pgstudy.analysis.tuning import step_size_slope
from pgstudy.experiment.study import Study, folder_name

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
CHANCE = 3.5  # times what chance alone puts between the mean of estimates and grad J
ROUNDING = 1e-9
Z = 1.959964  # half the width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class Claim:
    """One sentence, the number that speaks for or against it, and its figure."""

    environment: str
    claim: str
    quantity: str
    estimate: float
    low: float
    high: float
    verdict: str
    figure: str


Row = dict[Hashable, Any]
COLUMNS = list(Claim.__dataclass_fields__)


def build(
    study: Study,
    tables: Tables,
    aggregates: Aggregates,
    gradients: pd.DataFrame,
    tuning: Tables | None = None,
) -> pd.DataFrame:
    """All claims of a study, environment by environment."""
    claims: list[Claim] = []
    for environment in study.environments:
        measured = gradients[gradients["environment"] == environment]
        if len(measured):
            claims += _of_gradients(study, environment, measured)
        if len(study.sample_counts) > 1:
            claims += _of_returns(study, environment, tables, aggregates)
            if tuning is not None:
                claims += _of_step_sizes(study, environment, tuning)
    return pd.DataFrame([asdict(claim) for claim in claims], columns=COLUMNS)


def _of_gradients(
    study: Study, environment: str, measured: pd.DataFrame
) -> Iterator[Claim]:
    figure = f"gradients-{folder_name(environment)}"
    estimator, largest = study.estimators[0], max(study.sample_counts)
    for row in _rows(measured[measured["slope"].notna()], estimator):
        found = Interval(row["slope"], row["slope_low"], row["slope_high"])
        yield Claim(
            environment, f"At the {row['at']} of training, the variance of {estimator} "
            "falls as 1/N", "slope of log variance on log N", *found,
            _at(found, -1.0), figure,
        )  # fmt: skip
    for name in study.estimators:
        rows = _rows(measured[measured["n"].notna()], name)
        # estimates that are all 0 say nothing of bias
        some = [row for row in rows if row["bias_by_chance"] > 0]
        ratios = [row["bias"] / row["bias_by_chance"] for row in some]
        if ratios:
            worst = max(ratios)
            yield Claim(
                environment, f"{name} is an unbiased estimate of grad J",
                f"distance to grad J over that of chance, largest of {len(ratios)}",
                worst, math.nan, math.nan, HOLDS if worst <= CHANCE else FAILS, figure,
            )  # fmt: skip
    sizes = {
        (row["estimator"], row["at"]): row
        for row in measured[measured["n"] == largest].to_dict("records")
    }
    for name in study.estimators[1:]:
        if (name, "end") in sizes and (estimator, "end") in sizes:
            ratio = _ratio(sizes[name, "end"], sizes[estimator, "end"], "variance")
            yield Claim(
                environment, f"At the end, {name} has less variance than {estimator}",
                f"ratio of variances at N = {largest}", *ratio, _below(ratio, 1.0),
                figure,
            )  # fmt: skip
    if all((estimator, at) in sizes for at in FRACTIONS):
        ends = sizes[estimator, "end"], sizes[estimator, "start"]
        ratio = _ratio(*ends, "noise_scale")
        yield Claim(
            environment, "The gradient is harder to see at the end than at the start",
            f"ratio of noise scales of {estimator}", *ratio, _above(ratio, 1.0), figure,
        )  # fmt: skip


def _of_returns(
    study: Study, environment: str, tables: Tables, aggregates: Aggregates
) -> Iterator[Claim]:
    pairs = aggregates.pairs
    here = pairs[pairs["environment"] == environment]
    for estimator in study.estimators:
        ns = sorted({c.n for c in study.cells_of(environment, estimator)})
        if len(ns) < 2:
            continue
        same = (here["one_estimator"] == estimator) & (
            here["two_estimator"] == estimator
        )
        ends = (here["one_n"] == ns[0]) & (here["two_n"] == ns[-1])
        for row in here[same & ends].to_dict("records"):
            found = Interval(
                row["improvement"], row["improvement_low"], row["improvement_high"]
            )
            yield Claim(
                environment, f"At equal environment steps, {estimator} ends higher "
                f"with N = {ns[-1]} than with {ns[0]}", "probability of improvement",
                *found, _above(found, 0.5), "improvement",
            )  # fmt: skip
        yield from _at_equal_updates(study, tables, environment, estimator)


def _at_equal_updates(
    study: Study, tables: Tables, environment: str, estimator: str
) -> Iterator[Claim]:
    cells = at_best_step_sizes(study, tables).cells_of(environment, estimator)
    ends = min(cells, key=lambda c: c.n), max(cells, key=lambda c: c.n)
    last = [
        rows_of(tables.updates, cell).sort_values("update").tail(1) for cell in ends
    ]
    if any(row.empty for row in last):
        return
    few, many = (row.to_dict("records")[0] for row in last)
    times = many["env_steps"] / few["env_steps"]
    spread = np.hypot(*((row["high"] - row["low"]) / 2 for row in (few, many)))
    gap = many["mean"] - few["mean"]
    found = Interval(gap, gap - spread, gap + spread)
    yield Claim(
        environment, f"At equal updates, {estimator} is ahead with N = {ends[1].n}, on "
        f"{times:.3g} times the steps of N = {ends[0].n}", "difference of mean returns",
        *found, _above(found, 0.0), f"equal_updates-{folder_name(environment)}",
    )  # fmt: skip


def _of_step_sizes(study: Study, environment: str, tuning: Tables) -> Iterator[Claim]:
    for estimator in study.estimators:
        runs = tuning.runs
        here = (runs["environment"] == environment) & (runs["estimator"] == estimator)
        if runs.loc[here, "n"].nunique() > 1:
            found = step_size_slope(runs[here])
            yield Claim(
                environment, f"The best step size of {estimator} grows faster than the "
                "root of N", "slope of its logarithm on log N", *found,
                _above(found, 0.5), f"tuning-{folder_name(environment)}",
            )  # fmt: skip
            yield Claim(
                environment, f"The best step size of {estimator} grows in proportion "
                "to N", "slope of its logarithm on log N", *found, _at(found, 1.0),
                f"tuning-{folder_name(environment)}",
            )  # fmt: skip


def _rows(table: pd.DataFrame, estimator: str) -> list[Row]:
    return table[table["estimator"] == estimator].to_dict("records")


def _ratio(one: Row, two: Row, name: str) -> Interval:
    """one / two, with the interval of independent logarithms (wider than a pair's)."""
    if not (one[name] > 0 and two[name] > 0):
        return Interval(math.nan, math.nan, math.nan)
    errors = [
        (math.log(row[f"{name}_high"]) - math.log(row[f"{name}_low"])) / (2 * Z)
        if row[f"{name}_low"] > 0
        else math.inf
        for row in (one, two)
    ]
    ratio, factor = one[name] / two[name], Z * math.hypot(*errors)
    if not math.isfinite(factor):
        return Interval(ratio, math.nan, math.nan)
    return Interval(ratio, ratio * math.exp(-factor), ratio * math.exp(factor))


def _at(found: Interval, value: float) -> str:
    if math.isnan(found.low):
        return OPEN
    inside = found.low - ROUNDING <= value <= found.high + ROUNDING
    return HOLDS if inside else FAILS


def _above(found: Interval, value: float) -> str:
    if found.low > value + ROUNDING:
        return HOLDS
    return FAILS if found.high < value - ROUNDING else OPEN


def _below(found: Interval, value: float) -> str:
    return {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}[_above(found, value)]
