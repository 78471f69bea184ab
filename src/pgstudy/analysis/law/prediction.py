"""The critical N that the gradient's noise predicts, before any law is fitted.

McCandlish et al. (2018): the critical N is about the noise scale tr(Sigma)/|grad J|^2,
averaged over training. Ours is the geometric mean of the scales at the start and at the
threshold, a rule that is simple and was chosen on the corridor and on CartPole.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from pgstudy.analysis.statistics.intervals import Interval

UNKNOWN = Interval(math.nan, math.nan, math.nan)
ENDS = ("start", "end")
FACTOR = 2.0  # within which a prediction counts as right


class Prediction(NamedTuple):
    """Noise scales at both ends of the way, and the critical N that they predict."""

    start: float
    end: float
    critical_n: Interval


def predicted(gradients: pd.DataFrame, environment: str, estimator: str) -> Prediction:
    """From the measurements of a study; NaN where it has none."""
    here = gradients["environment"] == environment
    here &= (gradients["estimator"] == estimator) & gradients["n"].notna()
    start, end = (_scale(gradients[here & (gradients["at"] == at)]) for at in ENDS)
    return Prediction(start.estimate, end.estimate, _geometric_mean(start, end))


def _scale(rows: pd.DataFrame) -> Interval:
    """The noise scale, which is the same at each N: where most batches measured it."""
    known = rows.dropna(subset=["noise_scale", "noise_scale_low", "noise_scale_high"])
    if known.empty:
        return UNKNOWN
    best = known.sort_values(["batches", "n"], ascending=[False, True]).iloc[0]
    return Interval(
        *(float(best[f"noise_scale{end}"]) for end in ("", "_low", "_high"))
    )


def _geometric_mean(one: Interval, two: Interval) -> Interval:
    """Of two independent quantities; intervals are combined on the log scale."""
    if not all(0 < value < math.inf for value in (*one, *two)):
        return UNKNOWN
    estimate = math.sqrt(one.estimate * two.estimate)
    below = math.hypot(*(math.log(i.estimate / i.low) for i in (one, two))) / 2
    above = math.hypot(*(math.log(i.high / i.estimate) for i in (one, two))) / 2
    return Interval(estimate, estimate * math.exp(-below), estimate * math.exp(above))
