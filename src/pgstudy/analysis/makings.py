"""How the runs of a study were made, fact by fact, for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pgstudy.experiment import git, provenance
from pgstudy.experiment.runs import Run

FACTS = {
    "git": "commit",
    "lock": "lock file, SHA-256",
    "learning": "code in learning/, SHA-256",
    "python": "Python",
    "torch": "torch",
    "numpy": "numpy",
    "gymnasium": "gymnasium",
    "packages": "packages",
    "cpu": "processor",
    "platform": "platform",
    "threads": "threads of a run",
    "command": "command",
}


@dataclass(frozen=True)
class Fact:
    """One fact, its value, and the number of runs that it is true of."""

    name: str
    value: str
    runs: int


def facts(runs: Iterable[Run]) -> list[Fact]:
    """The recorded facts of the runs that are there; several values, several rows."""
    records = [record for run in runs if (record := run.record())]
    rows = []
    for key, name in FACTS.items():
        found = Counter(_text(record["made_by"].get(key)) for record in records)
        rows += [Fact(name, value, count) for value, count in sorted(found.items())]
    if records:
        start = min(record["started"] for record in records)
        seconds = sum(record["seconds"] for record in records)
        rows.append(Fact("first start", provenance.utc(start), len(records)))
        rows.append(Fact("training in all", f"{seconds:,.0f} s", len(records)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if not isinstance(value, dict):
        return str(value)
    if "commit" in value:
        if value["commit"] is None:
            return f"{git.UNKNOWN}: {value.get('reason', 'not recorded')}"
        changes = f", local changes {value['diff']}" if value.get("dirty") else ""
        return f"{value['commit']}{changes}"
    return ", ".join(f"{k} {v}" for k, v in sorted(value.items()))
