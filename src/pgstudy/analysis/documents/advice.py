"""Advice by a pilot study, in words and tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from pgstudy.analysis.common.numbers import number, open_ended, steps
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.law.advice import Advice, Choice, advise
from pgstudy.analysis.report.markdown import table
from pgstudy.experiment.study.cell import learning_rate_text

HEADER = "| N | learning rate | updates | trajectories | |"
RULE = (
    "At the critical N, updates and trajectories are each twice their least. Below it, "
    "a larger N saves updates at few extra trajectories; above it, trajectories grow "
    "in proportion to N. Choose a larger N of the table if trajectories run side by "
    "side and updates take the time, a smaller one if trajectories are what costs."
)


def advice_text(found: Tradeoffs, runs: Sequence[pd.DataFrame]) -> str:
    """runs: those of the pilot and of its tuning, whose cost is said."""
    every = advise(found)
    if not every:
        return "Too few runs of the pilot reached the threshold; raise its caps."
    count = sum(len(one) for one in runs)
    cost = steps(sum(one["episodes"].sum() for one in runs))
    parts = [part for advice in every for part in _of(advice, every)]
    return "\n\n".join([*parts, RULE, f"The pilot: {cost} trajectories, {count} runs."])


def _of(advice: Advice, every: Sequence[Advice]) -> Iterator[str]:
    best, goal = advice.best, f"{advice.threshold:g}"
    first = next(one for one in every if one.environment == advice.environment)
    verb = "use" if advice is first else "with"
    yield (
        f"{advice.environment}, to a return of {goal}: {verb} {advice.estimator}, "
        f"N = {best.n} and learning rate {learning_rate_text(best.learning_rate)}: "
        f"about {steps(best.trajectories)} trajectories in {steps(best.updates)} "
        f"updates. {_why(advice)}"
    )
    yield table(HEADER, [_row(choice, best) for choice in advice.choices])


def _why(advice: Advice) -> str:
    critical = open_ended(*advice.critical_n, lambda value: number(value, 0))
    if advice.fitted:
        return f"Its critical N is {critical}, fitted to the pilot's updates."
    return (
        f"Its critical N is {critical}, predicted by the gradient's noise; the pilot's "
        "law does not describe its runs well, or they do not resolve it."
    )


def _row(choice: Choice, best: Choice) -> list[str]:
    rate = learning_rate_text(float(f"{choice.learning_rate:.3g}"))
    note = "" if choice.measured else "learning rate by the rule, not tuned"
    if choice is best:
        note = f"advised{'; ' + note if note else ''}"
    updates, trajectories = steps(choice.updates), steps(choice.trajectories)
    return [str(choice.n), rate, updates, trajectories, note]
