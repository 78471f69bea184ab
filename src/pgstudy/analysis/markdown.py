"""The summary of a study as a Markdown table, for READMEs, issues and docs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pgstudy.analysis.report import number, steps

HEADER = (
    "| environment | estimator | N | finished | step size | updates | untrained "
    "| final return, 95 % interval | reached threshold |"
)


def summary_table(summary: pd.DataFrame) -> str:
    """A row per cell; "k of n" counts every run that was asked for."""
    rule = "|---" * (HEADER.count("|") - 1) + "|"
    rows = [_row(row) for row in summary.to_dict("records")]
    return "\n".join([HEADER, rule, *rows])


def _row(row: dict[Any, Any]) -> str:
    interval = ""
    if not pd.isna(row["final_low"]):
        interval = f" [{number(row['final_low'])}, {number(row['final_high'])}]"
    reached = "–"
    if not pd.isna(row["threshold"]):
        reached = f"{row['reached_threshold']} of {row['runs']}"
    cells = [
        row["environment"],
        row["estimator"],
        row["n"],
        f"{row['finished']} of {row['runs']}",
        f"{row['learning_rate']:.3g}",
        steps(row["mean_updates"]),
        number(row["untrained_return"]),
        number(row["final_return"]) + interval,
        reached,
    ]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
