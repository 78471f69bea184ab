"""A claim, and how it gets its verdict: one family of tests for a whole study.

Each claim brings two one-sided p-values: of the null hypothesis that it is not so, and
of the one that it is. Holm's correction runs over all claims of a study, so that the
chance of any wrong verdict in it is 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats

from pgstudy.analysis.common.columns import CLAIMS, names
from pgstudy.analysis.common.names import FEW_RUNS, FigureKey
from pgstudy.analysis.statistics.basics import CONFIDENCE
from pgstudy.analysis.statistics.comparisons import holm
from pgstudy.analysis.statistics.intervals import Interval

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
CONSISTENT, TOO_FEW = "consistent with", "too few seeds"
AT_EDGE = "learning rate at the edge"
FEWEST_SEEDS = FEW_RUNS  # below, no verdict
LEVEL = 1 - CONFIDENCE
FAMILY = (
    "p is two-sided. Holm's correction runs over all claims of this table that were "
    "tested: the chance of any wrong verdict in it is 5 %. There is no verdict from "
    f"fewer than {FEWEST_SEEDS} seeds, nor from a learning rate at the edge of its "
    "grid."
)


class Tests(NamedTuple):
    """One-sided p-values: of "the claim is not so", and of "the claim is so"."""

    holds: float
    fails: float


UNTESTED = Tests(math.nan, math.nan)


@dataclass(frozen=True)
class Claim:
    """One sentence, the number that speaks for or against it, and its figure.

    `question`: what it answers, the same for every environment and estimator.
    `otherwise` is the verdict where neither hypothesis is rejected; `barred` one that
    stands whatever the tests say, such as TOO_FEW. `note` is for the reader.
    """

    environment: str
    question: str
    claim: str
    quantity: str
    found: Interval
    tests: Tests
    figure: FigureKey
    otherwise: str = OPEN
    barred: str = ""
    note: str = ""


def above(found: Interval, value: float, df: float = math.inf) -> Tests:
    """Tests of "the quantity is above the value", from its t interval.

    df: degrees of freedom of the interval; infinite for a normal one.
    """
    if math.isnan(found.low) or math.isnan(found.high):
        return UNTESTED
    return Tests(
        _p(found.estimate - value, found.estimate - found.low, df),
        _p(value - found.estimate, found.high - found.estimate, df),
    )


def below(found: Interval, value: float, df: float = math.inf) -> Tests:
    """Tests of "the quantity is below the value"."""
    tests = above(found, value, df)
    return Tests(tests.fails, tests.holds)


def within(found: Interval, low: float, high: float, df: float = math.inf) -> Tests:
    """Equivalence: tests of "the quantity is between low and high".

    Two one-sided tests (Schuirmann 1987); an interval that merely contains the value
    proves nothing.
    """
    over, under = above(found, low, df), below(found, high, df)
    return Tests(max(over.holds, under.holds), min(over.fails, under.fails))


def _p(distance: float, half_width: float, df: float) -> float:
    """P of a distance from the bound that is at least this, in the direction tested."""
    if half_width == 0:
        return 0.0 if distance > 0 else 1.0
    critical = scipy.stats.t.ppf(1 - LEVEL / 2, df)
    return float(scipy.stats.t.sf(distance / half_width * critical, df))


def judge(claims: Sequence[Claim]) -> pd.DataFrame:
    """The table of all claims of a study, with p, Holm's p over all, and verdicts."""
    p = np.array([2 * min(claim.tests) for claim in claims], np.float64)
    barred = np.array([bool(claim.barred) for claim in claims], np.bool_)
    p = np.where(barred, np.nan, np.minimum(p, 1))
    rows = []
    for claim, raw, adjusted in zip(claims, p, holm(p), strict=True):
        rows.append(
            {
                "environment": claim.environment,
                "question": claim.question,
                "claim": claim.claim,
                "quantity": claim.quantity,
                **claim.found._asdict(),
                "p": raw,
                "p_holm": adjusted,
                "verdict": _verdict(claim, adjusted),
                "note": claim.note,
                "figure": claim.figure.name,
            }
        )
    return pd.DataFrame(rows, columns=names(CLAIMS))


def _verdict(claim: Claim, p_holm: float) -> str:
    if claim.barred:
        return claim.barred
    if math.isnan(p_holm) or p_holm >= LEVEL:
        return claim.otherwise
    return HOLDS if claim.tests.holds < claim.tests.fails else FAILS
