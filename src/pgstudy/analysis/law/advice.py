"""Which N and which learning rate to use, by what a pilot study found.

At the critical N, updates and trajectories are each twice their least (McCandlish et
al. 2018, section 2). The best learning rate at N is alpha_max / (1 + critical N / N)
(their equation 2.10), with an alpha_max that the pilot's learning rates give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.law.fit import Law
from pgstudy.analysis.statistics.intervals import Interval

POOR_FIT = 0.01  # p below which the law does not describe the runs
RESOLVED = 4.0  # ends of an interval within this factor: the law is used as fitted
AROUND = 3  # powers of two on each side of the N that is advised


@dataclass(frozen=True)
class Choice:
    """What N costs: updates, trajectories, and the learning rate to use with it.

    measured: whether the pilot tuned this N; else the learning rate is by the rule.
    """

    n: int
    learning_rate: float
    updates: float
    trajectories: float
    measured: bool


@dataclass(frozen=True)
class Advice:
    """For one environment and estimator: the best choice, all choices, and why.

    fitted: whether the critical N is that of the law; else the gradient's noise
    predicts it, and the law is scaled to the pilot's updates.
    """

    environment: str
    estimator: str
    threshold: float
    critical_n: Interval
    fitted: bool
    best: Choice
    choices: tuple[Choice, ...]


def advise(found: Tradeoffs) -> list[Advice]:
    """An entry per environment and estimator, the fewest trajectories first."""
    rows = found.laws.to_dict("records")
    every = [_advice(row, _points(found, row)) for row in rows]
    order = list(dict.fromkeys(row["environment"] for row in rows))
    return sorted(
        every, key=lambda a: (order.index(a.environment), a.best.trajectories)
    )


def _points(found: Tradeoffs, row: dict[Any, Any]) -> pd.DataFrame:
    points = found.points
    here = points["environment"] == row["environment"]
    mine: pd.DataFrame = points[here & (points["estimator"] == row["estimator"])]
    return mine


def _advice(row: dict[Any, Any], points: pd.DataFrame) -> Advice:
    critical, fitted = _critical_n(row)
    law = Law(row["s_min"], row["e_min"]) if fitted else _scaled(points, critical)
    least, most = int(points["n"].min()), int(points["n"].max())
    wanted = critical.estimate if math.isfinite(critical.estimate) else most
    n = max(2 ** round(math.log2(wanted)), least)
    nearby = [n * 2.0**k for k in range(-AROUND, AROUND + 1)]
    every = [
        _choice(int(k), law, points, critical.estimate) for k in nearby if k >= least
    ]
    return Advice(
        environment=row["environment"],
        estimator=row["estimator"],
        threshold=float(points["threshold"].iloc[0]),
        critical_n=critical,
        fitted=fitted,
        best=next(choice for choice in every if choice.n == n),
        choices=tuple(every),
    )


def _critical_n(row: dict[Any, Any]) -> tuple[Interval, bool]:
    """The fitted one if the law describes the runs and they resolve it; else the
    predicted one, if it is known.
    """
    names = ("", "_low", "_high")
    fitted, predicted = (
        Interval(*(float(row[f"{name}{end}"]) for end in names))
        for name in ("critical_n", "predicted_n")
    )
    resolved = fitted.high <= RESOLVED * fitted.low and not row["fit_p"] < POOR_FIT
    if resolved or not math.isfinite(predicted.estimate):
        return fitted, True
    return predicted, False


def _scaled(points: pd.DataFrame, critical: Interval) -> Law:
    """The law of a known critical N through the pilot's mean updates."""
    n, updates = (points[name].to_numpy(float) for name in ("n", "updates"))
    known = np.isfinite(updates)
    least = updates[known] / (1 + critical.estimate / n[known])
    s_min = float(np.exp(np.log(least).mean()))
    return Law(s_min, critical.estimate * s_min)


def _choice(n: int, law: Law, points: pd.DataFrame, critical: float) -> Choice:
    """What an N costs, with the pilot's learning rate, or one by the rule."""
    updates = float(law.updates(np.array([n]))[0])
    tuned = points.loc[points["n"] == n, "learning_rate"]
    rate = float(tuned.iloc[0]) if len(tuned) else _by_rule(n, points, critical)
    return Choice(n, rate, updates, n * updates, len(tuned) > 0)


def _by_rule(n: int, points: pd.DataFrame, critical: float) -> float:
    """From the pilot's N around it, so that the rule only bridges a gap."""
    counts, rates = (points[k].to_numpy(float) for k in ("n", "learning_rate"))
    near = np.argsort(np.abs(np.log(counts / n)), kind="stable")[:2]
    scaled = rates[near] * (1 / critical + 1 / counts[near])
    return float(np.exp(np.log(scaled).mean()) / (1 / critical + 1 / n))
