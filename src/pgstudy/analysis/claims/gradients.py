"""What the gradient measurements of a study say, claim by claim.

They speak of the policies of one run per environment: batches are the unit of
replication, and no claim here is about other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd

from pgstudy.analysis.claims.bias import bias_claim, where
from pgstudy.analysis.claims.verdicts import (
    CONSISTENT,
    OPEN,
    Claim,
    above,
    below,
    within,
)
from pgstudy.analysis.common.names import FRACTIONS, FigureKey
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.statistics.variances import ratio
from pgstudy.experiment.study.study import Study

SLOPE, EQUIVALENT = -1.0, 0.1  # theory's, and how near to it counts as it
Row = dict[Hashable, Any]


def gradient_claims(
    study: Study, environment: str, measured: pd.DataFrame
) -> Iterator[Claim]:
    """The claims of one environment; measured: its rows of gradients/."""
    sizes = measured[measured["n"].notna()]
    yield from _slopes(study, environment, measured)
    for name in study.estimators:
        rows = sizes[sizes["estimator"] == name].to_dict("records")
        yield from bias_claim(study, environment, name, rows)
    largest = sizes[sizes["n"] == max(study.sample_counts)]
    at_end = largest[largest["at"] == "end"]
    for name in study.estimators[1:]:
        rows = at_end[at_end["estimator"] == name].to_dict("records")
        yield from _variances(study, environment, rows)
    first = largest[largest["estimator"] == study.estimators[0]]
    yield from _ends(environment, {row["at"]: row for row in first.to_dict("records")})


def _slopes(study: Study, environment: str, measured: pd.DataFrame) -> Iterator[Claim]:
    estimator, fitted = study.estimators[0], measured["slope"].notna()
    here = measured[fitted & (measured["estimator"] == estimator)]
    for row in here.to_dict("records"):
        found = Interval(row["slope"], row["slope_low"], row["slope_high"])
        yield Claim(
            environment,
            "Does the variance fall as 1/N?",
            f"At the {row['at']} of training, the variance of {estimator} falls as 1/N",
            f"slope of log variance on log N, {where(row)}",
            found,
            within(found, SLOPE - EQUIVALENT, SLOPE + EQUIVALENT),
            _figure(environment),
            CONSISTENT if found.low <= SLOPE <= found.high else OPEN,
            note=f"to hold, within {EQUIVALENT} of {SLOPE:g}",
        )


def _variances(study: Study, environment: str, rows: list[Row]) -> Iterator[Claim]:
    for row in rows:
        found = interval_of(row, "variance_ratio")
        yield Claim(
            environment,
            f"Is the variance below that of {study.estimators[0]}?",
            f"At the end, {row['estimator']} has less variance than "
            f"{study.estimators[0]}",
            f"ratio of variances at N = {row['n']:.0f}, {where(row)}",
            found,
            below(found, 1.0),
            _figure(environment),
            note="paired: both from the same batches"
            if paired(study, environment, row["estimator"])
            else "each from batches of its own",
        )


def paired(study: Study, environment: str, estimator: str) -> bool:
    """Whether an estimator is measured on the batches of the study's first one."""
    one, other = (
        study.cells_of(environment, name)[0].specification.estimator
        for name in (study.estimators[0], estimator)
    )
    return one.trajectories_per_start == other.trajectories_per_start


def _ends(environment: str, rows: dict[str, Row]) -> Iterator[Claim]:
    if all(at in rows for at in FRACTIONS):
        end, start = (interval_of(rows[at], "noise_scale") for at in ("end", "start"))
        found, name = ratio(end, start), rows["end"]["estimator"]
        known = (
            found
            if math.isfinite(found.high)
            else Interval(found.estimate, math.nan, math.nan)
        )
        yield Claim(
            environment,
            "Is the gradient harder to see at the end?",
            "The gradient is harder to see at the end than at the start",
            f"ratio of noise scales of {name}, {where(rows['end'])}",
            found,
            above(known, 1.0),
            _figure(environment),
            note="independent batches at the two ends",
        )


def interval_of(row: Row, name: str) -> Interval:
    """A quantity of a table's row, with its interval."""
    return Interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _figure(environment: str) -> FigureKey:
    return FigureKey("gradients", environment)
