r"""Numbers and a table for a LaTeX document, so that nothing in it is typed by hand.

numbers.tex defines `\pg{<study>/<key>}`; an unknown key is an error of the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis.claims.acceptance import PASS
from pgstudy.analysis.common.names import NUMBERS, TABLE
from pgstudy.analysis.common.numbers import decimals, number
from pgstudy.analysis.figures import published
from pgstudy.analysis.outputs import read_acceptance, read_law, read_tables
from pgstudy.analysis.tables.build import Tables, rows_of
from pgstudy.experiment.store.record import STATES
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import learning_rate_text
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import write_atomically

MACRO = r"""\providecommand{\pg}[1]{\ifcsname pg@#1\endcsname\csname pg@#1\endcsname
  \else\errmessage{pgstudy has no number '#1'}\fi}
\providecommand{\pgset}[2]{\expandafter\def\csname pg@#1\endcsname{#2}}
"""
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def paper(folder: StudyFolder) -> None:
    """Tables and acceptance.csv -> paper/: figures, numbers.tex and table.tex."""
    tables, acceptance = read_tables(folder), read_acceptance(folder)
    published.draw(folder.study, tables, read_law(folder), folder.path / "paper")
    write(folder.study, tables, acceptance, folder.path / "paper")


def write(
    study: Study, tables: Tables, acceptance: pd.DataFrame | None, folder: Path
) -> None:
    """Write numbers.tex and table.tex; the table is that of the acceptance, if any."""
    lines = [rf"\pgset{{{study.name}/{k}}}{{{v}}}" for k, v in _numbers(study, tables)]
    rows = summary_rows(study, tables)
    if acceptance is not None:
        lines += [
            rf"\pgset{{{study.name}/{key}}}{{{value}}}"
            for key, value in _acceptance_numbers(study, acceptance)
        ]
        rows = _acceptance_rows(acceptance)
    write_atomically(folder / NUMBERS, _writer(MACRO + "\n".join(lines) + "\n"))
    write_atomically(folder / TABLE, _writer(_tabular(rows)))


def _writer(text: str) -> Any:
    return lambda path: path.write_text(text, encoding="utf-8")


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(SPECIAL.get(character, character) for character in text)


def signed(value: Any, digits: int | None = None) -> str:
    """A number with a proper minus sign."""
    text = number(value, digits)
    return f"$-${text[1:]}" if text.startswith("-") else text.replace("–", "--")


def signed_text(value: float) -> str:
    """A number as it was given, with a proper minus sign."""
    return f"{value:g}".replace("-", "$-$")


def _step(alpha: float) -> str:
    text = learning_rate_text(alpha)
    base, _, exponent = text.partition("^")
    return f"${base}^{{{exponent}}}$" if exponent else text


def _numbers(study: Study, tables: Tables) -> Iterator[tuple[str, str]]:
    """What a text would quote of the study and of each cell."""
    status = tables.runs["status"]
    yield "runs", f"{len(status):,}"
    yield "seeds", f"{len(study.seeds):,}"
    for state in STATES:
        yield state, f"{int((status == state).sum()):,}"
    for cell in study.cells:
        (row,) = rows_of(tables.summary, cell).to_dict("records")
        place = f"{cell.environment}/{cell.estimator}/{cell.n}/"
        if study.sweeps_learning_rates:
            place += f"{learning_rate_text(cell.learning_rate)}/"
        yield place + "learning-rate", _step(cell.learning_rate)
        for name in ("finished", "runs", "reached_threshold"):
            yield place + name.replace("_", "-"), str(row[name])
        for name in ("untrained_return", "final_return", "final_low", "final_high"):
            yield place + name.replace("_", "-"), signed(row[name])
        yield place + "updates", signed(row["mean_updates"], 0)


def _acceptance_numbers(
    study: Study, acceptance: pd.DataFrame
) -> Iterator[tuple[str, str]]:
    names = {item.item: item.slug for item in study.published}
    yield "checks", str(len(acceptance))
    yield "checks-passed", str(int((acceptance["verdict"] == PASS).sum()))
    for row in acceptance.to_dict("records"):
        place = f"{names[row['item']]}/{row['id']}/"
        digits = decimals(row["tolerance"])
        for name in ("value", "below", "ours", "low", "high", "tolerance"):
            if not pd.isna(row[name]):
                yield place + name, signed(row[name], digits)
        if not pd.isna(row["runs"]):
            for name in ("runs", "finished", "stuck"):
                yield place + name, f"{int(row[name])}"


def _acceptance_rows(acceptance: pd.DataFrame) -> list[list[str]]:
    rows = [["", "quantity", "theirs", "ours", "95\\,\\% interval", "tolerance"]]
    for row in acceptance.to_dict("records"):
        digits = decimals(row["tolerance"])
        theirs = signed(row["value"], digits)
        if pd.isna(row["value"]):
            theirs = f"$<$ {signed_text(row['below'])}"
        interval = "exact" if pd.isna(row["runs"]) else "--"
        if not pd.isna(row["low"]):
            low, high = signed(row["low"], digits), signed(row["high"], digits)
            interval = f"{low} to {high}"
        allowed = number(row["tolerance"], digits).replace("–", "--")
        mark = "" if row["verdict"] == PASS else r"\textbf{fails} "
        where = escaped(f"{row['item']}, {row['cell']}")
        rows.append(
            [
                where,
                escaped(row["quantity"]),
                theirs,
                mark + signed(row["ours"], digits),
                interval,
                allowed,
            ]
        )
    return rows


def summary_rows(study: Study, tables: Tables) -> list[list[str]]:
    """A row per cell of the study."""
    rows = [
        [
            "environment",
            "estimator",
            "$N$",
            "learning rate",
            "untrained",
            "final return",
            "95\\,\\% interval",
        ]
    ]
    for cell in study.cells:
        (row,) = rows_of(tables.summary, cell).to_dict("records")
        low, high = signed(row["final_low"]), signed(row["final_high"])
        rows.append(
            [
                escaped(cell.environment),
                escaped(cell.estimator),
                str(cell.n),
                _step(cell.learning_rate),
                signed(row["untrained_return"]),
                signed(row["final_return"]),
                f"{low} to {high}",
            ]
        )
    return rows


def _tabular(rows: list[list[str]]) -> str:
    """The first row is the header; text to the left, numbers to the right."""
    header, *body = rows
    columns = "ll" + "r" * (len(header) - 2)
    lines = [" & ".join(row) + r" \\" for row in body]
    head = " & ".join(header) + r" \\"
    parts = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline", *lines]
    return "\n".join([*parts, r"\hline", r"\end{tabular}", ""])
