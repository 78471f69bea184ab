"""A study's runs held against published values: a row per check, with a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy

from pgstudy.analysis.common.columns import ACCEPTANCE, names
from pgstudy.analysis.gradients import exact
from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.basics import Array
from pgstudy.experiment.store.runs import EPISODES, POLICY, Run, Store
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.published import Check, Exact, Published
from pgstudy.experiment.study.study import Study

STANDARD_ERRORS = 4  # the tolerance, where a standard error is given
PASS, FAIL = "pass", "fail"


@dataclass(frozen=True)
class Measured:
    """Our value, its 95 % interval (NaN: none) and the runs behind it."""

    ours: float
    low: float = np.nan
    high: float = np.nan
    runs: int | None = None
    finished: int | None = None
    stuck: int | None = None

    @property
    def lost(self) -> int:
        """Runs asked for that diverged, failed or are missing."""
        return (self.runs or 0) - (self.finished or 0) - (self.stuck or 0)


def compare(store: Store, study: Study) -> pd.DataFrame:
    """A row per check of each published table that the study names.

    ours, low, high: the mean over runs that never got stuck and its 95 % t interval (of
    a share the exact one), or an exact value; tolerance: the largest distance that
    passes; runs, finished, stuck: counts; verdict: pass or fail, with the reason.
    """
    return pd.DataFrame(
        [
            _row(study, published, check, _measured(store, study, published, check))
            for published in study.published
            for check in published.checks
        ],
        columns=names(ACCEPTANCE),
    )


def failures(acceptance: pd.DataFrame) -> list[str]:
    """The checks of acceptance.csv that fail, by name."""
    failed = acceptance[acceptance["verdict"] == FAIL]
    rows = failed.to_dict("records")
    return [
        f"{row['item']}, {row['cell']}: {row['quantity']} ({row['reason']})"
        for row in rows
    ]


def tolerance(check: Check, published: Published, finished: int | None) -> float | None:
    """What is stated, or four standard errors; wider where our runs are fewer."""
    if check.standard_error is None:
        return check.tolerance
    fewer = published.runs / min(finished or published.runs, published.runs)
    return STANDARD_ERRORS * check.standard_error * float(np.sqrt(fewer))


def _row(
    study: Study, published: Published, check: Check, found: Measured
) -> dict[str, Any]:
    allowed = tolerance(check, published, found.finished)
    reason = _reason(check, found, allowed)
    return {
        "item": published.item,
        "page": published.page,
        "id": check.id,
        "kind": check.kind,
        "cell": _cell_text(study, check.cell),
        "quantity": _quantity(check),
        "value": check.value,
        "below": check.below,
        "tolerance": allowed,
        "why": check.why,
        **vars(found),
        "verdict": FAIL if reason else PASS,
        "reason": reason,
    }


def _reason(check: Check, found: Measured, allowed: float | None) -> str:
    """Why a check fails; empty if it passes."""
    if found.lost:
        return f"{found.lost} of {found.runs} runs diverged, failed or are missing"
    if np.isnan(found.ours):
        return "no run finished"
    if check.below is not None:
        return "" if found.ours < check.below else "not below"
    assert check.value is not None and allowed is not None  # the loader sees to it
    return "" if abs(found.ours - check.value) <= allowed else "outside the tolerance"


def _cell_text(study: Study, cell: Cell | None) -> str:
    if cell is None:
        return "exact, no sampling"
    return cell.label if len(study.environments) > 1 else cell.short_label


def _quantity(check: Check) -> str:
    match check.measure, check.argument:
        case "mean_return", (first, last):
            return f"return, episodes {first} to {last}"
        case "action_probability", action:
            return f"probability of action {action} at the end"
        case "exact_return", probability:
            return f"J(p) at p = {probability}"
        case "exact_best", "return":
            return "largest J(p)"
        case "exact_best", _:
            return "p of the largest J(p)"
    return "share of stuck runs"


def _measured(
    store: Store, study: Study, published: Published, check: Check
) -> Measured:
    if published.exact is not None:
        return Measured(_exact(published.exact, check))
    assert check.cell is not None  # the loader sees to it
    runs = [store.run(check.cell, seed) for seed in study.seeds]
    ended = [(run.status(), run) for run in runs]
    finished = [run for status, run in ended if status == "finished"]
    counts = len(runs), len(finished), sum(status == "stuck" for status, _ in ended)
    if check.measure == "stuck_share":
        return Measured(*intervals.share(counts[2], counts[0]), *counts)
    of_run = OF_RUN[check.measure]
    values = np.array([of_run(run, check.argument) for run in finished])
    return Measured(*intervals.mean([values]), *counts)


def _exact(how: Exact, check: Check) -> float:
    known = exact.model(how.environment)
    if check.measure == "exact_return":
        return exact.return_at(known, how.action, check.argument)
    probability, value = exact.best(known, how.action)
    return value if check.argument == "return" else probability


def _mean_return(run: Run, episodes: list[int]) -> float:
    first, last = episodes
    returns = pd.read_parquet(run.folder / EPISODES, columns=["return"])["return"]
    return float(returns.iloc[first - 1 : last].mean())


def _action_probability(run: Run, action: int) -> float:
    """Of the softmax over a single row of preferences: the states look alike."""
    (preferences,) = safetensors.numpy.load_file(run.folder / POLICY)["layer0.weight"]
    exponentials: Array = np.exp(preferences - preferences.max())
    return float(exponentials[action] / exponentials.sum())


OF_RUN: dict[str, Callable[[Run, Any], float]] = {
    "mean_return": _mean_return,
    "action_probability": _action_probability,
}
