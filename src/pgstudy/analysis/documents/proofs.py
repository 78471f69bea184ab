"""What an estimator computes, in words and tables for a terminal."""

from __future__ import annotations

import pandas as pd

from pgstudy.analysis.common.numbers import number
from pgstudy.analysis.proofs.step import proof_table
from pgstudy.analysis.proofs.verdict import SAMPLE_COUNTS
from pgstudy.analysis.report.html import proved
from pgstudy.analysis.report.markdown import table
from pgstudy.learning.specification import EstimatorSpecification

BESIDE = {
    "total-return": EstimatorSpecification(),
    "reward-to-go": EstimatorSpecification("to-go"),
    "leave-one-out": EstimatorSpecification(baseline="leave-one-out"),
    "batch-mean": EstimatorSpecification(baseline="batch-mean"),
    "grpo": EstimatorSpecification(
        baseline="batch-mean", normalise=True, length_division=True
    ),
}
"""Built-in estimators, to compare with."""

MOST = SAMPLE_COUNTS[-1]
RULE = (
    "By complete enumeration of all batches on three small problems. Size: the part "
    "of the mean estimate along grad J, over |grad J|; J is discounted by the "
    "estimator's gamma. Angle: between the two, in degrees; variance: over that of "
    "total-return at the same N."
)


def proof_text(estimators: dict[str, EstimatorSpecification]) -> str:
    """Verdicts and all rows of some estimators, and the built-in ones beside them."""
    others = {name: how for name, how in BESIDE.items() if name not in estimators}
    mine, beside = proof_table(estimators), proof_table(others)
    parts = [f"{row.name}: {row.verdict}." for row in proved(mine).itertuples()]
    parts += [_every_row(mine), _summary(pd.concat([mine, beside])), RULE]
    return "\n\n".join(parts)


def _every_row(found: pd.DataFrame) -> str:
    rows = [
        [row.estimator, row.problem, row.n, *_numbers(row)]
        for row in found.itertuples()
    ]
    return table("| estimator | problem | N | size | angle | variance |", rows)


def _numbers(row: object) -> list[str]:
    if reason := getattr(row, "reason"):  # noqa: B009
        return [str(reason), "", ""]
    size, angle, variance = (
        getattr(row, name) for name in ("size", "angle", "variance_ratio")
    )
    return [number(size, 3), number(angle, 2), f"{variance:.2g}"]


def _summary(found: pd.DataFrame) -> str:
    """A row per estimator: its verdict, and its variance at the largest N."""
    shares = proved(found)
    problems = list(shares)[2:]
    rows = [
        [name, word, *(f"{value:.2g}" for value in values)]
        for name, word, *values in shares.itertuples(index=False)
    ]
    heads = " | ".join(f"{problem}, N = {MOST}" for problem in problems)
    return table(f"| estimator | verdict | variance: {heads} |", rows)
