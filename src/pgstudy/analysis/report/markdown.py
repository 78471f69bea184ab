"""Tables of a study in Markdown, for terminals, READMEs, issues and docs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2
import pandas as pd

from pgstudy.analysis.claims.verdicts import FAMILY
from pgstudy.analysis.common.numbers import (
    bounded,
    decimals,
    duration,
    number,
    p_value,
    steps,
)
from pgstudy.analysis.report.captions import captions
from pgstudy.analysis.statistics import coverage
from pgstudy.analysis.tables import thresholds
from pgstudy.analysis.tables.aggregates import DENOMINATOR, unscored
from pgstudy.analysis.tables.build import Tables
from pgstudy.experiment.study.cell import learning_rate_text
from pgstudy.experiment.study.study import Study

Row = dict[Any, Any]
ACCEPTANCE_HEADER = (
    "| item | cell | quantity | theirs | ours, 95 % interval | tolerance | runs "
    "| verdict |"
)


def texts(package: str) -> jinja2.Environment:
    """How templates of Markdown in a package are read."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=False,  # Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def summary_table(summary: pd.DataFrame) -> str:
    """A row per cell; "k of n" counts every run that was asked for.

    Columns that a kept summary does not have are left out.
    """
    shown = {head: cell for head, (column, cell) in CELLS.items() if column in summary}
    rows = [
        [cell(row) for cell in shown.values()] for row in summary.to_dict("records")
    ]
    return table(_joined(list(shown)), rows)


def table(header: str, rows: list[list[Any]]) -> str:
    """A table of Markdown; the header is its first line."""
    rule = "|---" * (header.count("|") - 1) + "|"
    return "\n".join([header, rule, *map(_joined, rows)])


def _final(row: Row) -> str:
    return bounded(row["final_return"], row["final_low"], row["final_high"], number)


def _reached(row: Row) -> str:
    if pd.isna(row["threshold"]):
        return "–"
    return f"{row['reached_threshold']} of {row['runs']}"


def _duration(row: Row, name: str) -> str:
    return bounded(row[name], row[f"{name}_low"], row[f"{name}_high"], duration)


# By header: the column of summary.csv, and what is shown of a row.
CELLS: dict[str, tuple[str, Callable[[Row], Any]]] = {
    "environment": ("environment", lambda row: row["environment"]),
    "estimator": ("estimator", lambda row: row["estimator"]),
    "N": ("n", lambda row: row["n"]),
    "finished": ("finished", lambda row: f"{row['finished']} of {row['runs']}"),
    "learning rate": (
        "learning_rate",
        lambda row: learning_rate_text(row["learning_rate"]),
    ),
    "updates": ("mean_updates", lambda row: steps(row["mean_updates"])),
    "untrained": ("untrained_return", lambda row: number(row["untrained_return"])),
    "final return, 95 % interval": ("final_return", _final),
    "truncated": ("truncated_share", lambda row: number(row["truncated_share"], 3)),
    "reached threshold": ("reached_threshold", _reached),
    "median time to threshold, 95 % interval": (
        "median_threshold_at_low",
        lambda row: _duration(row, "median_threshold_at"),
    ),
    "restricted mean time, 95 % interval": (
        "mean_threshold_at_low",
        lambda row: _duration(row, "mean_threshold_at"),
    ),
}


def _joined(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def acceptance_table(acceptance: pd.DataFrame) -> str:
    """A row per check of acceptance.csv."""
    rows = [_acceptance_row(row) for row in acceptance.to_dict("records")]
    return table(ACCEPTANCE_HEADER, rows)


def _acceptance_row(row: dict[Any, Any]) -> list[Any]:
    digits = decimals(row["tolerance"])
    theirs = number(row["value"], digits)
    if pd.isna(row["value"]):
        theirs = f"below {row['below']:g}"
    show = functools.partial(number, digits=digits)
    ours, runs = bounded(row["ours"], row["low"], row["high"], show), "–"
    if not pd.isna(row["runs"]):
        runs = f"{row['finished']:.0f} of {row['runs']:.0f}, {row['stuck']:.0f} stuck"
    return [
        row["item"],
        row["cell"],
        row["quantity"],
        f"{theirs} ({row['kind']})",
        ours,
        number(row["tolerance"], digits),
        runs,
        row["verdict"] + (f": {row['reason']}" if row["reason"] else ""),
    ]


def claims_table(claims: pd.DataFrame) -> str:
    """A row per claim of claims.csv; one of an earlier version may lack p and note."""
    rows = []
    for row in claims.to_dict("records"):
        value = bounded(row["estimate"], row["low"], row["high"], number)
        texts = [row["environment"], row["claim"], row["quantity"]]
        p = p_value(row.get("p")), p_value(row.get("p_holm"))
        note = row["note"] if isinstance(row.get("note"), str) else ""
        verdict = row["verdict"] + (f": {note}" if note else "")
        rows.append([*texts, value, *p, verdict])
    header = (
        "| environment | claim | quantity | estimate, 95 % interval | p "
        "| p, Holm over all claims | verdict |"
    )
    return table(header, rows)


def coverage_tables(study: Study) -> list[str]:
    """How each interval is made, and how often it covers, with the rule below."""
    found = coverage.tables(study.gradients is not None)
    return [
        text
        for one in found
        for text in (table(_joined(one.header), one.rows()), one.rule)
    ]


def _listed(items: Mapping[str, str]) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in items.items())


def markdown_report(
    study: Study,
    tables: Tables,
    claims: pd.DataFrame,
    edges: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    answer: Sequence[str] = (),
) -> str:
    """The report for a README: claims, figures beside it, the table of all cells."""
    template = texts("pgstudy.analysis.report").get_template("report.md.j2")
    return template.render(
        study=study,
        runs=tables.runs,
        edges=_listed(edges or {}),
        claims=claims_table(claims) if len(claims) else "",
        family=FAMILY,
        captions=captions(study),
        summary=summary_table(tables.summary),
        rules=(thresholds.RULE, DENOMINATOR),
        unscored=_listed(unscored(study, tables)),
        notes=notes,
        answer=answer,
        coverage=coverage_tables(study),
    )
