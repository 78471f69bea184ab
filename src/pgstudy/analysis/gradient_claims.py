"""What the gradient measurements of a study say, claim by claim."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd

from pgstudy.analysis.comparisons import Interval
from pgstudy.analysis.names import FRACTIONS
from pgstudy.analysis.verdicts import CONSISTENT, UNTESTED, Claim, above, below, within
from pgstudy.experiment.study import Study, folder_name

Z = 1.959964  # half the width of a 95 % interval, in standard errors
Row = dict[Hashable, Any]


def build(study: Study, environment: str, measured: pd.DataFrame) -> Iterator[Claim]:
    """The claims of one environment; measured: its rows of gradients/."""
    figure = f"gradients-{folder_name(environment)}"
    estimator, largest = study.estimators[0], max(study.sample_counts)
    for row in _rows(measured[measured["slope"].notna()], estimator):
        found = Interval(row["slope"], row["slope_low"], row["slope_high"])
        yield Claim(
            environment, f"At the {row['at']} of training, the variance of {estimator} "
            "falls as 1/N", "slope of log variance on log N", found,
            within(found, -1.1, -0.9), figure, CONSISTENT,
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
                Interval(worst, math.nan, math.nan), UNTESTED, figure,
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
                f"ratio of variances at N = {largest}", ratio, below(ratio, 1.0),
                figure,
            )  # fmt: skip
    if all((estimator, at) in sizes for at in FRACTIONS):
        ends = sizes[estimator, "end"], sizes[estimator, "start"]
        ratio = _ratio(*ends, "noise_scale")
        yield Claim(
            environment, "The gradient is harder to see at the end than at the start",
            f"ratio of noise scales of {estimator}", ratio, above(ratio, 1.0), figure,
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
