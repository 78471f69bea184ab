"""Why runs that were made before are made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pgstudy.experiment.store.record import RECORD, RunRecord, read_unchecked
from pgstudy.experiment.store.runs import Run

WORDS = {
    "learning": "the code in src/pgstudy/learning",
    "code": "the code of their environment",
}


def earlier(run: Run) -> RunRecord | None:
    """The record of the same specification and seed, made some other way before.

    Other studies may have runs with the same labels; theirs are not looked at.
    """
    specification = run.cell.specification.to_dict()
    others = run.folder.parent.glob(f"seed{run.seed}-*/{RECORD}")
    found = sorted(others, key=lambda path: path.stat().st_mtime)
    for path in reversed(found):
        record = read_unchecked(path.parent)
        same = record is not None and record.specification == specification
        if same and path.parent != run.folder:
            return record
    return None


def reasons(missing: Iterable[Run]) -> list[str]:
    """A line for each changed version, or code, that made runs stale."""
    causes: Counter[tuple[str, str, str]] = Counter()
    for run in missing:
        record = earlier(run)
        if record is None:
            continue
        now = run.cell.identity.facts()
        then = record.made_by | record.made_of
        causes.update(
            (name, str(then[name]), str(value))
            for name, value in now.items()
            if name in then and then[name] != value
        )
    return [
        f"{count} runs are stale: {WORDS.get(name, name)} was {then}, is {now}"
        for (name, then, now), count in sorted(causes.items())
    ]
