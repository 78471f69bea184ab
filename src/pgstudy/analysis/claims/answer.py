"""The first screen of a report: what N buys, in sentences that the numbers make.

No sentence says more than an interval or a verdict does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pgstudy.analysis.claims.law import Row, ratio
from pgstudy.analysis.claims.verdicts import FAILS, HOLDS
from pgstudy.analysis.common.names import FigureKey
from pgstudy.analysis.common.numbers import bounded, number, open_ended, p_value, steps
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.law.advice import POOR_FIT
from pgstudy.analysis.law.fit import Law
from pgstudy.experiment.study.study import Study

UNRESOLVED = 5  # times the low end of an interval, which then says little
RUN = re.compile(r" \(.*\)$")
MOST = 3  # sentences of a study without a law

LAW_RULE = (
    "Fitted by likelihood to the runs' updates, taken as gamma distributed; a run that "
    "did not arrive counts as more than its cap. Intervals are bootstraps over runs "
    "and tuning runs, so they carry the choice of the learning rate. p of the fit: of "
    "the law against means that are free at each N, by the likelihood ratio. "
    "Predicted: the geometric mean of the gradient noise scales at the start and at "
    "the threshold, at the policies of one run."
)


def first_screen(
    study: Study, found: Tradeoffs | None, claims: pd.DataFrame
) -> dict[str, Any]:
    """answer: paragraphs about the law of each environment, or about the claims.
    answered_by: the name of the figure beside them. in_words: more of each law, and
    law_rule: what to know of all of them.

    The figure is of the first environment, and so is what the law says in numbers.
    """
    shown: dict[str, Any] = {"law_rule": LAW_RULE, "in_words": {}}
    if found is None:
        answer = list(_of_claims(claims))
        return shown | {"answer": answer, "answered_by": FigureKey("final_return").name}
    first, *others = study.environments
    shown["in_words"] = {e: " ".join(_details(e, found)) for e in study.environments}
    answer = [lead(first, found), shown["in_words"][first]]
    answer += [lead(name, found) for name in others]
    return shown | {
        "answer": [text for text in answer if text],
        "answered_by": FigureKey("tradeoff", first).name,
    }


def law_sentences(environment: str, found: Tradeoffs) -> str:
    """What N buys in an environment, by the fitted laws."""
    return " ".join([lead(environment, found), *_details(environment, found)])


def lead(environment: str, found: Tradeoffs) -> str:
    """What N buys in an environment, in one sentence: of the estimator that needs the
    fewest trajectories.
    """
    rows, here = _of(environment, found)
    if not rows:
        return (
            f"On {environment} too few runs reached the threshold to say what N buys."
        )
    best = _best(rows)
    threshold = f"{here['threshold'].iloc[0]:g}"
    opening = f"On {environment}, to a return of {threshold} with {best['estimator']}:"
    if best["critical_n_high"] > UNRESOLVED * best["critical_n_low"]:
        return f"{opening} these seeds do not resolve where a larger N stops to pay."
    critical = with_interval(best, "critical_n", 0)
    return (
        f"{opening} up to an N of about {critical}, a larger N buys fewer updates for "
        "few extra trajectories; beyond it, trajectories grow in proportion to N and "
        "buy few updates more."
    )


def _of(environment: str, found: Tradeoffs) -> tuple[list[Row], pd.DataFrame]:
    laws, points = found.laws, found.points
    rows = laws[laws["environment"] == environment].to_dict("records")
    return rows, points[points["environment"] == environment]


def _best(rows: Sequence[Row]) -> Row:
    return min(rows, key=lambda row: float(row["e_min"]))


def _details(environment: str, found: Tradeoffs) -> Iterator[str]:
    rows, here = _of(environment, found)
    if not rows:
        return
    best = _best(rows)
    yield _ends(best, here)
    for row in rows:
        if row is not best:
            yield _beside(row, best)
    yield from _warnings(rows, here)


def _ends(row: Row, points: pd.DataFrame) -> str:
    """What the smallest and the largest N take, by the law."""
    counts = np.array(
        sorted(points.loc[points["estimator"] == row["estimator"], "n"]), float
    )
    few, many = counts[[0, -1]]
    law = Law(row["s_min"], row["e_min"])
    updates = law.updates(counts[[0, -1]])
    return (
        f"By the law, N = {few:g} takes {steps(few * updates[0])} trajectories in "
        f"{steps(updates[0])} updates, and N = {many:g} takes "
        f"{steps(many * updates[1])} in {steps(updates[1])}."
    )


def _beside(row: Row, best: Row) -> str:
    """How another estimator's law lies to the best one's."""
    more = bounded(*ratio(row, best, "e_min"), number)
    updates = "the fewest updates are not resolved"
    if not (is_open(row) or is_open(best)):
        longer = bounded(*ratio(row, best, "s_min"), number)
        updates = f"the fewest updates {longer} times"
    return (
        f"With {row['estimator']}, the fewest trajectories are {more} times as many "
        f"(E_min is {with_interval(row, 'e_min', 0)}, not "
        f"{with_interval(best, 'e_min', 0)}), and {updates} "
        f"(S_min {with_interval(row, 's_min')} and {with_interval(best, 's_min')})."
    )


def _warnings(rows: Sequence[Row], points: pd.DataFrame) -> Iterator[str]:
    poor = [row for row in rows if row["fit_p"] < POOR_FIT]
    if poor:
        names = " and ".join(
            f"{r['estimator']} (p {p_value(r['fit_p'])})" for r in poor
        )
        yield f"The law does not describe {names} well, so take these numbers as rough."
    lost = int((points["runs"] - points["arrived"]).sum())
    if lost:
        yield f"{lost} of {int(points['runs'].sum())} runs did not arrive in time."


def with_interval(row: Row, name: str, digits: int | None = None) -> str:
    """A number of a law, or of a point, with its interval.

    Where no smallest number of updates is resolved, S_min has no lower bound, and the
    critical N no upper one.
    """
    if name == "s_min" and is_open(row):
        return f"below {number(row['s_min_high'], digits)}"
    say = open_ended if name == "critical_n" else bounded
    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    return say(value, low, high, lambda shown: number(shown, digits))


def is_open(row: Row) -> bool:
    """Whether a law's updates are not known to stop falling."""
    return bool(row["s_min_low"] == 0)


def _of_claims(claims: pd.DataFrame) -> Iterator[str]:
    decided = claims[claims["verdict"].isin([HOLDS, FAILS])]
    about_n = decided[decided["claim"].str.contains("N = ", regex=False)]
    others = decided.drop(about_n.index)
    for row in pd.concat([about_n, others]).head(MOST).to_dict("records"):
        shown = [number(row[name]) for name in ("estimate", "low", "high")]
        verdict = "" if row["verdict"] == HOLDS else ", does not hold"
        quantity = RUN.sub("", row["quantity"])  # which run, the table says
        yield (
            f"{row['environment']}{verdict}: {row['claim']} ({quantity} {shown[0]}, "
            f"95 % interval {shown[1]} to {shown[2]})."
        )
    if len(claims) > len(decided):
        open_ = len(claims) - len(decided)
        yield f"{open_} of {len(claims)} claims are not decided by these seeds."
