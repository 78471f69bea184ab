"""What the fitted laws of a trade-off study say, claim by claim.

Intervals are compared on the logarithmic scale, where those of positive numbers are
nearly symmetric. Estimators have independent runs.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.claims.gradients import interval_of
from pgstudy.analysis.claims.verdicts import (
    AT_EDGE,
    CONSISTENT,
    UNTESTED,
    Claim,
    Tests,
    above,
    within,
)
from pgstudy.analysis.common.names import FigureKey
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.law.prediction import FACTOR
from pgstudy.analysis.statistics.intervals import Interval

EQUAL = 1.25  # within this factor two S_min count as equal
Row = dict[Hashable, Any]


def law_claims(found: Tradeoffs, environment: str) -> Iterator[Claim]:
    """The claims of one environment; the first estimator is what others are held to."""
    laws = found.laws[found.laws["environment"] == environment].to_dict("records")
    edges = _edges(found.points[found.points["environment"] == environment])
    for row in laws:
        barred = AT_EDGE if row["estimator"] in edges else ""
        yield _fits(row, barred)
        if not math.isnan(row["predicted_n"]):
            yield _predicted(row, barred)
    for row in laws[1:]:
        both = {row["estimator"], laws[0]["estimator"]}
        barred = AT_EDGE if both & edges else ""
        yield _same_updates(row, laws[0], barred)
        yield _more_trajectories(row, laws[0], barred)


def _edges(points: pd.DataFrame) -> set[str]:
    """Estimators some learning rate of which is an end of its grid."""
    return set(points.loc[points["edge"].fillna("") != "", "estimator"])


def _fits(row: Row, barred: str) -> Claim:
    """The likelihood ratio can speak against the law, and never for it."""
    p = row["fit_p"]
    return Claim(
        row["environment"],
        "Do updates follow S(N) = S_min + E_min / N?",
        f"The updates of {row['estimator']} follow S(N) = S_min + E_min / N",
        "critical N of the fitted law",
        interval_of(row, "critical_n"),
        UNTESTED if math.isnan(p) else Tests(1.0, p / 2),
        FigureKey("tradeoff", row["environment"]),
        otherwise=CONSISTENT,
        barred=barred,
        note=f"against means that are free at each of {row['points']} values of N",
    )


def _predicted(row: Row, barred: str) -> Claim:
    fitted, predicted = _logs(row, "critical_n"), _logs(row, "predicted_n")
    return _ratio(
        row,
        "Does the gradient's noise predict the critical N?",
        f"The critical N of {row['estimator']} is what the gradient's noise predicts",
        _difference(predicted, fitted),
        (1 / FACTOR, FACTOR),
        barred,
    )


def _same_updates(row: Row, first: Row, barred: str) -> Claim:
    difference = _difference(_logs(row, "s_min"), _logs(first, "s_min"))
    return _ratio(
        row,
        f"Is S_min, the fewest updates, that of {first['estimator']}?",
        f"{row['estimator']} needs as many updates as {first['estimator']}, S_min",
        difference,
        (1 / EQUAL, EQUAL),
        barred,
    )


def ratio(row: Row, first: Row, name: str) -> Interval:
    """A number of one law over that of another, with an interval."""
    return _without_logs(_difference(_logs(row, name), _logs(first, name)))


def _ratio(
    row: Row,
    question: str,
    words: str,
    logs: Interval,
    bounds: tuple[float, float],
    barred: str,
) -> Claim:
    """A claim that a ratio is within bounds, given its logarithm."""
    return Claim(
        row["environment"],
        question,
        words,
        "ratio of both",
        _without_logs(logs),
        within(logs, *(math.log(bound) for bound in bounds)),
        FigureKey("tradeoff", row["environment"]),
        barred=barred,
        note=f"to hold, within a factor of {bounds[1]:g}",
    )


def _more_trajectories(row: Row, first: Row, barred: str) -> Claim:
    logs = _difference(_logs(row, "e_min"), _logs(first, "e_min"))
    return Claim(
        row["environment"],
        f"Is E_min, the fewest trajectories, above that of {first['estimator']}?",
        f"{row['estimator']} needs more trajectories than {first['estimator']}, E_min",
        "ratio of both",
        _without_logs(logs),
        above(logs, 0.0),
        FigureKey("tradeoff", row["environment"]),
        barred=barred,
    )


def _without_logs(logs: Interval) -> Interval:
    return Interval(*map(math.exp, logs))


def _logs(row: Row, name: str) -> Interval:
    """The logarithm of a quantity that is not negative."""
    with np.errstate(divide="ignore"):
        return Interval(*map(float, np.log(interval_of(row, name))))


def _difference(one: Interval, two: Interval) -> Interval:
    """Of two independent quantities: half widths are added in quadrature.

    Nothing is known where one of them is 0 or infinite.
    """
    if not (math.isfinite(one.estimate) and math.isfinite(two.estimate)):
        return Interval(math.nan, math.nan, math.nan)
    estimate = one.estimate - two.estimate
    below = math.hypot(one.estimate - one.low, two.high - two.estimate)
    above_it = math.hypot(one.high - one.estimate, two.estimate - two.low)
    return Interval(estimate, estimate - below, estimate + above_it)
