"""Why runs that were made before are made again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pgstudy.experiment.store.runs import RECORD, Run

WORDS = {
    "learning": "the code in src/pgstudy/learning",
    "code": "the code of their environment",
}


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
    """A line for each changed version, or code, that made runs stale."""
    causes: Counter[tuple[str, str, str]] = Counter()
    for run in missing:
        data = earlier(run)
        if data is None:
            continue
        now = run.cell.identity.facts()
        then = data["made_by"] | data.get("made_of", {})
        causes.update(
            (name, str(then[name]), str(value))
            for name, value in now.items()
            if name in then and then[name] != value
        )
    return [
        f"{count} runs are stale: {WORDS.get(name, name)} was {then}, is {now}"
        for (name, then, now), count in sorted(causes.items())
    ]
