"""Why runs that were made before are made again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pgstudy.experiment.provenance import numeric_identity
from pgstudy.experiment.runs import RECORD, Run

WORDS = {"learning": "the code in src/pgstudy/learning"}


def earlier(run: Run) -> dict[str, Any] | None:
    """The record of the same specification and seed, made some other way before.

    Other studies may have runs with the same labels; theirs are not looked at.
    """
    specification = run.cell.specification.to_dict()
    others = run.folder.parent.glob(f"seed{run.seed}-*/{RECORD}")
    found = sorted(others, key=lambda path: path.stat().st_mtime)
    for path in reversed(found):
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        same = "made_by" in data and data.get("specification") == specification
        if same and path.parent != run.folder:
            return data
    return None


def reasons(missing: Iterable[Run]) -> list[str]:
    """A line for each changed version, or the learning code, that made runs stale."""
    now = numeric_identity()
    causes: Counter[tuple[str, str]] = Counter()
    for run in missing:
        data = earlier(run)
        if data is None:
            continue
        then = data["made_by"]
        causes.update((k, str(then.get(k))) for k in now if then.get(k) != now[k])
    return [
        f"{count} runs are stale: {WORDS.get(name, name)} was {then}, is {now[name]}"
        for (name, then), count in sorted(causes.items())
    ]
