"""Claims as questions: a row for each, a cell for each environment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pgstudy.analysis.claims.verdicts import CONSISTENT, FAILS, HOLDS, OPEN

Row = dict[str, Any]
# What is not settled comes first.
ORDER = {FAILS: 0, OPEN: 1, CONSISTENT: 3, HOLDS: 4}
BARRED = 2  # too few seeds, or a learning rate at the edge of its grid


@dataclass(frozen=True)
class Question:
    """A question, what was found in each environment, and all claims behind it.

    cells: for each environment, its verdicts with how many claims have them. rows: as
    in claims.csv, those that are not settled first.
    """

    text: str
    cells: dict[str, dict[str, int]]
    rows: list[Row]


def questions(claims: pd.DataFrame) -> list[Question]:
    """All questions of a study, those with an unsettled or a failed claim first."""
    found = [
        _question(str(text), rows)
        for text, rows in claims.groupby("question", sort=False)
    ]
    return sorted(found, key=lambda question: _rank(question.rows[0]))


def _question(text: str, claims: pd.DataFrame) -> Question:
    rows = [{str(k): v for k, v in row.items()} for row in claims.to_dict("records")]
    rows.sort(key=_rank)
    cells: dict[str, dict[str, int]] = {}
    for environment in claims["environment"].unique():
        verdicts = [row["verdict"] for row in rows if row["environment"] == environment]
        cells[environment] = dict(Counter(verdicts))
    return Question(text, cells, rows)


def _rank(row: Row) -> int:
    return ORDER.get(row["verdict"], BARRED)
