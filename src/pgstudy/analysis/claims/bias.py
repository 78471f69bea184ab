"""Is an estimator unbiased? One claim per estimator, over all that was measured.

It holds if the mean estimate is within MARGIN of grad J at every milestone and N, along
it and across it (each bound is a test that could fail), and does not hold if at any of
them it differs from grad J by more than chance, adjusted for their number (Bonferroni).
In between, the note says how large a bias the measurements leave open.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import scipy.stats

from pgstudy.analysis.claims.verdicts import (
    LEVEL,
    UNTESTED,
    Claim,
    Tests,
    above,
    within,
)
from pgstudy.analysis.common.names import FigureKey
from pgstudy.analysis.gradients.bias import MARGIN, Across
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.experiment.study.study import Study
from pgstudy.learning.specification import EstimatorSpecification

Row = dict[Hashable, Any]


@dataclass(frozen=True)
class Cell:
    """One milestone and N: how far the mean estimate is from grad J, and from where.

    along: 1 if unbiased; df: of its interval; across: 0 if unbiased.
    """

    place: str
    along: Interval
    df: float
    across: Across

    def p(self) -> float:
        """Of "the mean estimate is grad J", the two components together."""
        one = 2 * min(above(self.along, 1.0, self.df))
        two = self.across.p()
        return one if math.isnan(two) else min(2 * min(one, two), 1.0)

    def p_within(self) -> float:
        """Of "a component differs by MARGIN or more"."""
        one = within(self.along, 1 - MARGIN, 1 + MARGIN, self.df).holds
        two = self.across.p_within(MARGIN)
        return one if math.isnan(two) else max(one, two)

    def bounds(self, tests: int) -> Interval:
        """Of `along`, at a level divided by the number of tests."""
        wide, usual = (
            float(scipy.stats.t.ppf(1 - LEVEL / 2 / m, self.df)) for m in (tests, 1)
        )
        low, found, high = self.along.low, self.along.estimate, self.along.high
        factor = wide / usual
        return Interval(
            found, found - factor * (found - low), found + factor * (high - found)
        )


def bias_claim(
    study: Study, environment: str, name: str, rows: Sequence[Row]
) -> Iterator[Claim]:
    """The claim of one estimator, from its rows of gradients/ (N not empty)."""
    cells = [_cell(row) for row in rows if not math.isnan(row["along_low"])]
    if not cells:
        return
    how = study.cells_of(environment, name)[0].specification.estimator
    worst, count = min(cells, key=Cell.p), len(cells)
    tests = _tests(cells, bool(known_bias(how)))
    yield Claim(
        environment,
        "Is the estimate unbiased?",
        f"{name} is an unbiased estimate of grad J",
        f"mean estimate along grad J over |grad J|, {worst.place}, worst of {count} "
        f"(simultaneous interval), {where(rows[0])}",
        worst.bounds(count),
        tests,
        FigureKey("gradients", environment),
        note=_note(cells, how),
    )


def where(row: Row) -> str:
    """Whose policies a row was measured at."""
    return f"at the policies of one run ({row['policy']})"


def known_bias(how: EstimatorSpecification) -> str:
    """Why an estimator is biased by its construction; empty if it is not."""
    n = "N" if how.trajectories_per_start is None else "G"
    reasons = {
        f"the factor ({n}-1)/{n} of batch-mean": how.baseline == "batch-mean",
        "normalise, in size and direction": how.normalise,
        "length_division, in size and direction": how.length_division,
        "learned per step, about (1 - value.learning_rate)^t of step t": (
            how.value is not None and how.value.update == "step"
        ),
        f"gamma = {how.gamma:g} weighs rewards that J does not": how.gamma != 1,
        "biased discounting": (
            how.gamma != 1 and how.credit == "to-go" and how.discounting == "biased"
        ),
        "the entropy bonus": how.entropy != 0,
    }
    return ", ".join(reason for reason, so in reasons.items() if so)


def _cell(row: Row) -> Cell:
    beside = Across(
        *(row[k] for k in ("across", "across_by_chance", "across_df", "batches"))
    )
    along = Interval(row["along"], row["along_low"], row["along_high"])
    place = f"{row['at']}, N = {row['n']:.0f}"
    return Cell(place, along, row["batches"] - 1, beside)


def _tests(cells: Sequence[Cell], biased: bool) -> Tests:
    """That all are within MARGIN; that one is not 0. What is significantly biased, or
    is so by construction, is not unbiased however small its bias.
    """
    fails = min(len(cells) * min(cell.p() for cell in cells), 1.0)
    holds = max(cell.p_within() for cell in cells)
    if math.isnan(holds):
        return UNTESTED
    return Tests(1.0 if biased or fails < LEVEL else holds, fails / 2)


def _note(cells: Sequence[Cell], how: EstimatorSpecification) -> str:
    """The bias that is left open, at the best measured cell and over all; its kind."""
    left = [_open(cell, len(cells)) for cell in cells]
    best = min(range(len(cells)), key=lambda index: left[index][0])
    parts = [f"{_no_bias([left[best]])} at {cells[best].place}"]
    parts += [f"{_no_bias(left)} over all"] if len(cells) > 1 else []
    if reason := known_bias(how):
        parts.append(f"biased by construction: {reason}")
    turned = [c for c in cells if 2 * len(cells) * c.across.p() < LEVEL]
    if turned:
        worst = max(turned, key=lambda c: c.across.without_noise())
        aside = worst.across.without_noise()
        angle = math.degrees(math.atan2(aside, worst.along.estimate))
        parts.append(f"its direction is off, by {angle:.0f} degrees at {worst.place}")
    return "; ".join([*parts, f"to hold, within {_percent(MARGIN)}"])


def _open(cell: Cell, tests: int) -> tuple[float, float]:
    """The largest biases that a cell leaves open, along and across, as shares."""
    low, high = cell.bounds(tests)[1:]
    return max(1 - low, high - 1), cell.across.bound(LEVEL / tests)


def _no_bias(left: Sequence[tuple[float, float]]) -> str:
    along, across = zip(*left, strict=True)
    text = f"no bias above {_percent(max(along))} along grad J"
    known = [share for share in across if not math.isnan(share)]
    return text + (f", {_percent(max(known))} across it" if known else "")


def _percent(share: float) -> str:
    return f"{100 * share:,.0f} %"
