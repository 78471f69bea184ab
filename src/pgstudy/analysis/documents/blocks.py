"""The blocks of a document that are written from what is kept of a study."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from pgstudy.analysis.claims.acceptance import PASS
from pgstudy.analysis.claims.verdicts import FAILS, FAMILY, HOLDS
from pgstudy.analysis.common import columns as common
from pgstudy.analysis.common.names import ACCEPTANCE, CLAIMS
from pgstudy.analysis.common.needed import Missing
from pgstudy.analysis.common.numbers import bounded, number, p_value, steps
from pgstudy.analysis.documents import laws
from pgstudy.analysis.documents.records import SUMMARY, StudyRecord
from pgstudy.analysis.notebook import columns as notebook
from pgstudy.analysis.report import markdown

FINDINGS = {
    HOLDS: "**These sentences hold:**",
    FAILS: "**The runs speak against these:**",
}
OPEN = "**These runs don't decide:**"
VERSIONS = {
    "python": "Python",
    "torch": "torch",
    "numpy": "numpy",
    "gymnasium": "gymnasium",
}

TYPES: Mapping[type, str] = {
    str: "text",
    int: "whole numbers",
    float: "numbers",
    bool: "true or false",
}
SCHEMAS = {**common.SCHEMAS, **notebook.SCHEMAS}


def made(record: StudyRecord, _: str) -> str:
    """How the numbers were measured: runs, seeds, time, commit, processor, versions."""
    facts = record.made
    parts = [
        f"Study `{record.study}`: {facts['finished']:,} of {facts['runs']:,} runs "
        f"finished, {facts['seeds']} seeds per cell"
    ]
    if "training_seconds" in facts:
        parts.append(f"{steps(facts['training_seconds'])} s of training in all")
    if "last_end" in facts:
        parts.append(f"finished {facts['last_end'][:10]}")
    parts += [f"commit {_several(facts['git'])}", f"processor {_several(facts['cpu'])}"]
    parts += [
        f"{name} {_several(facts[key])}"
        for key, name in VERSIONS.items()
        if key in facts
    ]
    note = f" {facts['note']}" if "note" in facts else ""
    return ", ".join(parts) + f".{note}"


def _several(values: list[str]) -> str:
    """A commit's name is cut to ten letters; made.json has all of it."""
    short = [
        re.sub(r"\b([0-9a-f]{10})[0-9a-f]{30}\b", r"\1", value) for value in values
    ]
    return " and ".join(short) or "not recorded"


def summary(record: StudyRecord, environment: str) -> str:
    """The table of cells, of one environment if it is named."""
    table = record.table(SUMMARY)
    if environment:
        table = table[table["environment"] == environment]
    return markdown.summary_table(table)


def claims(record: StudyRecord, environment: str) -> str:
    """Each claim below its verdict: only what is decided reads as a finding."""
    table = record.table(CLAIMS)
    if environment:
        table = table[table["environment"] == environment]
    parts = []
    for verdict, heading in FINDINGS.items():
        parts += _claim_list(heading, table[table["verdict"] == verdict])
    parts += _claim_list(OPEN, table[~table["verdict"].isin(list(FINDINGS))])
    if not parts:
        return "No claim is kept of this study."
    return "\n\n".join([*parts, FAMILY])


def _claim_list(heading: str, table: pd.DataFrame) -> list[str]:
    items = [_claim(row) for row in table.to_dict("records")]
    return [heading, "\n".join(items)] if items else []


def _claim(row: Mapping[Any, Any]) -> str:
    value = bounded(row["estimate"], row["low"], row["high"], number)
    text = f"- {row['environment']}. {row['claim']}: {row['quantity']} {value}"
    if not pd.isna(row.get("p_holm")):
        p = p_value(row["p_holm"])
        text += f", p {p}" if p.startswith("<") else f", p = {p}"
    if row["verdict"] not in FINDINGS:
        text += f"; {row['verdict']}"
    if not pd.isna(row.get("note")):
        text += f" ({row['note']})"
    return text + "."


def acceptance(record: StudyRecord, _: str) -> str:
    """How many published values are met, and the table of all of them."""
    table = record.table(ACCEPTANCE).fillna({"reason": ""})
    met = int((table["verdict"] == PASS).sum())
    said = f"{met} of {len(table)} values are within their tolerance."
    return f"{said}\n\n{markdown.acceptance_table(table)}"


def met(record: StudyRecord, _: str) -> str:
    """The same without the table."""
    return acceptance(record, "").partition("\n")[0]


def caption(record: StudyRecord, name: str) -> str:
    """What a figure shows. Errors: Missing."""
    texts = record.made.get("captions", {})
    if name not in texts:
        raise Missing(f"what is kept of study {record.study} has no figure {name!r}")
    return f"*{texts[name]}.*"


def tuned(records: Sequence[StudyRecord]) -> str:
    """Studies of one cell each: its file, and what it reaches."""
    header = (
        "| environment | file in `config/tuned/` | N | untrained "
        "| reached, 95 % interval | threshold | commit | processor |"
    )
    rows = []
    for record in records:
        (row,) = record.table(SUMMARY).to_dict("records")
        file = f"`{record.study.removeprefix('tuned-')}.yaml`"
        rows.append(
            [
                row["environment"],
                file,
                row["n"],
                number(row["untrained_return"]),
                bounded(
                    row["final_return"], row["final_low"], row["final_high"], number
                ),
                number(row["threshold"]),
                _several(record.made["git"]),
                _several(record.made["cpu"]),
            ]
        )
    return markdown.table(header, rows)


def columns(name: str) -> str:
    """What each column of a table means. Errors: ValueError."""
    if name not in SCHEMAS:
        raise ValueError(f"no table {name!r}; tables are {', '.join(SCHEMAS)}")
    rows = [[f"`{c.name}`", TYPES[c.type], c.meaning] for c in SCHEMAS[name]]
    return markdown.table("| column | values | meaning |", rows)


RENDERERS: dict[str, Callable[[StudyRecord, str], str]] = {
    "made": made,
    "summary": summary,
    "claims": claims,
    "acceptance": acceptance,
    "met": met,
    "caption": caption,
    "answer": laws.answer,
    "leads": laws.leads,
    "laws": laws.laws,
    "points": laws.points,
}


def render(what: str, lookup: Callable[[str], StudyRecord]) -> str:
    """The text of a block; `what` is its kind, its study or table, and the rest.

    Errors: ValueError, Missing.
    """
    kind, *words = what.split()
    if kind == "tuned" and words:
        return tuned([lookup(study) for study in words])
    if kind == "columns" and words:
        return columns(words[0])
    if kind not in RENDERERS or not words:
        kinds = ", ".join([*RENDERERS, "tuned", "columns"])
        raise ValueError(f"a block is a kind and a study; kinds are {kinds}")
    return RENDERERS[kind](lookup(words[0]), " ".join(words[1:]))
