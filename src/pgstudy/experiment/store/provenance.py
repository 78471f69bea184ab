"""How the runs of a study were made, fact by fact, for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pgstudy.experiment.provenance import git
from pgstudy.experiment.provenance.identity import utc
from pgstudy.experiment.store.runs import Run

FACTS = {
    "git": "commit",
    "lock": "lock file, SHA-256",
    "learning": "code in learning/, SHA-256",
    "python": "Python",
    "torch": "torch",
    "numpy": "numpy",
    "gymnasium": "gymnasium",
    "packages": "packages",
    "dispatch": "instructions",
    "libc": "C library",
    "cpu": "processor",
    "platform": "platform",
    "threads": "threads of a run",
    "command": "command",
}

SHOWN = 3  # warnings of one run


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
        found = Counter(_text(record.made_by.get(key)) for record in records)
        rows += [Fact(name, value, count) for value, count in sorted(found.items())]
    if records:
        start = min(record.started for record in records)
        seconds = sum(record.seconds for record in records)
        rows.append(Fact("first start", utc(start), len(records)))
        rows.append(Fact("training in all", f"{seconds:,.0f} s", len(records)))
    return rows


def notes(runs: Iterable[Run]) -> list[str]:
    """What people should know of complete runs: warnings, and draws from generators
    that are not the environment's own. A line for each environment and matter.
    """
    warned: dict[str, list[str]] = {}
    drew: Counter[tuple[str, str]] = Counter()
    for run in runs:
        record, environment = run.record(), run.cell.environment
        if record and record.warnings:
            words = "; ".join(record.warnings[:SHOWN])
            warned.setdefault(environment, []).append(words)
        if record and record.global_generators:
            drew[environment, ", ".join(record.global_generators)] += 1
    return [
        f"{environment}: {_runs(len(words))} with warnings, such as: {words[0]}"
        for environment, words in warned.items()
    ] + [
        f"{environment}: {_runs(count)} drew from the process's global generators "
        f"({names}); each run seeds them, so they repeat"
        for (environment, names), count in drew.items()
    ]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if not isinstance(value, dict):
        return "none" if value is None else str(value)
    if "commit" in value:
        if value["commit"] is None:
            return f"{git.UNKNOWN}: {value.get('reason', 'not recorded')}"
        changes = f", local changes {value['diff']}" if value.get("dirty") else ""
        return f"{value['commit']}{changes}"
    return ", ".join(f"{k} {v}" for k, v in sorted(value.items()))
