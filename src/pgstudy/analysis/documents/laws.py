"""What documents show of a trade-off study: its answer and its tables."""

from __future__ import annotations

import pandas as pd

from pgstudy.analysis.claims.answer import is_open, law_sentences, lead, with_interval
from pgstudy.analysis.claims.law import Row
from pgstudy.analysis.common.columns import TRADEOFFS
from pgstudy.analysis.common.numbers import number, p_value, steps
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.documents.records import StudyRecord
from pgstudy.analysis.report.markdown import table
from pgstudy.experiment.study.cell import learning_rate_text

LAWS = (
    "| environment | estimator | arrived | S_min, 95 % interval | E_min, 95 % interval "
    "| critical N, 95 % interval | p of the fit | predicted N, 95 % interval "
    "| predicted / fitted |"
)
POINTS = (
    "| environment | estimator | N | learning rate | arrived | S, updates, 95 % "
    "interval | by the law | E, trajectories | return at the end, 95 % interval |"
)


def answer(record: StudyRecord, _: str) -> str:
    """What N buys, in sentences, a paragraph for each environment."""
    found = _tradeoffs(record)
    names = found.laws["environment"].unique()
    return "\n\n".join(law_sentences(name, found) for name in names)


def leads(record: StudyRecord, _: str) -> str:
    """The first sentence of each of these paragraphs."""
    found = _tradeoffs(record)
    return "\n\n".join(lead(name, found) for name in found.laws["environment"].unique())


def laws(record: StudyRecord, _: str) -> str:
    """The fitted laws, and the critical N that the noise predicts."""
    return _laws(_tradeoffs(record).laws)


def points(record: StudyRecord, _: str) -> str:
    """What each N took, and where its runs ended."""
    return _points(_tradeoffs(record).points)


def _tradeoffs(record: StudyRecord) -> Tradeoffs:
    return Tradeoffs(*(record.table(f"{name}.csv") for name in TRADEOFFS))


def _laws(laws: pd.DataFrame) -> str:
    """A row per environment and estimator."""
    return table(LAWS, [_law(row) for row in laws.to_dict("records")])


def _law(row: Row) -> list[str]:
    return [
        row["environment"],
        row["estimator"],
        f"{row['arrived']} of {row['runs']}",
        *(with_interval(row, name) for name in ("s_min", "e_min", "critical_n")),
        p_value(row["fit_p"]),
        with_interval(row, "predicted_n"),
        "–" if is_open(row) else number(row["predicted_ratio"], 2),
    ]


def _points(points: pd.DataFrame) -> str:
    """A row per environment, estimator and N."""
    return table(POINTS, [_point(row) for row in points.to_dict("records")])


def _point(row: Row) -> list[str]:
    edge = row["edge"] if isinstance(row["edge"], str) else ""
    rate = learning_rate_text(row["learning_rate"])
    return [
        row["environment"],
        row["estimator"],
        str(row["n"]),
        rate + (f", {edge} of its grid" if edge else ""),
        f"{row['arrived']} of {row['runs']}",
        with_interval(row, "updates"),
        number(row["law_updates"]),
        steps(row["trajectories"]),
        with_interval(row, "end_return"),
    ]
