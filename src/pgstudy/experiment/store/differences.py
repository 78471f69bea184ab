"""Why runs that were made before are made again, and what differs on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pgstudy.experiment.provenance import git
from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store.record import RECORD, RunRecord, read_unchecked
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.system.files import names_in
from pgstudy.learning import dispatch

WORDS = {
    "learning": "the code in src/pgstudy/learning",
    "code": "the code of their environment",
    "dispatch": "the instructions of the libraries",
}
EFFECTS = {
    "learning": "these runs are stale: the code that trains is another",
    "torch": "these runs are stale, and bits may differ",
    "numpy": "these runs are stale, and bits may differ",
    "gymnasium": "these runs are stale: environments may differ",
    "dispatch": "these runs are stale: libraries use other instructions, and round so",
    "cpu": "bits may differ: libraries choose their routines by the processor",
    "libc": "bits may differ: the C library rounds exp, sin and cos as it does",
    "platform": "only what the other lines name matters to the bits",
    "python": "no bit should differ",
    "lock": "only what the other lines name matters to the bits",
    "git": "no bit differs while `learning` is the same",
}


SAME_INSTRUCTIONS = "no bit should differ: both use the instructions of AVX2 and FMA"


def why_stale(missing: Iterable[Run]) -> list[str]:
    """A line for each changed version, or code, that made runs stale."""
    causes: Counter[tuple[str, str, str]] = Counter()
    earlier = Earlier()
    for run in missing:
        record = earlier.record(run)
        if record is None:
            continue
        causes.update(facts_that_differ(run, record))
    return [
        f"{count} runs are stale: {WORDS.get(name, name)} was {then}, is {now}"
        for (name, then, now), count in sorted(causes.items())
    ]


def facts_that_differ(run: Run, record: RunRecord) -> list[tuple[str, str, str]]:
    """What the run's key is made of that was something else when a record was made.

    Its name, what it was, and what it is now.
    """
    now = run.cell.identity.facts()
    then = record.made_by | record.made_of
    return [
        (name, str(then[name]), str(value))
        for name, value in now.items()
        if name in then and then[name] != value
    ]


def from_this_machine(runs: Iterable[Run]) -> list[str]:
    """A line for each fact that is not that of this machine, with its effect."""
    here, earlier = describe(), Earlier()
    records = [r for run in runs if (r := run.record() or earlier.record(run))]
    states = {record.made_by.get("dispatch") for record in records}
    pinned = {*states, here["dispatch"]} == {dispatch.PINNED}
    lines = []
    for name, effect in EFFECTS.items():
        found = Counter(_text(record.made_by.get(name)) for record in records)
        for value, count in sorted(found.items()):
            if value != _text(here.get(name)):
                why = SAME_INSTRUCTIONS if name == "cpu" and pinned else effect
                lines.append(
                    f"{name}: {value} in {count} of {len(records)} runs, "
                    f"{_text(here.get(name))} here: {why}"
                )
    return lines


def across_processors(runs: Iterable[Run]) -> str:
    """That runs were made on other processors than this one; empty if none was."""
    here = describe()["cpu"]
    made = {str(r.made_by.get("cpu")) for run in runs if (r := run.record())}
    others = sorted(made - {here})
    return f"made on {', '.join(others)}, compared on {here}" if others else ""


class Earlier:
    """What was made before of runs, some other way.

    Each folder is listed once, however many of its runs are asked for.
    """

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def record(self, run: Run) -> RunRecord | None:
        """The latest record of the same specification and seed; None if none is there.

        Other studies may have runs with the same labels; theirs are not looked at.
        """
        folders = sorted(self._of_the_seed(run), key=_time, reverse=True)
        specification = run.cell.specification.to_dict() if folders else {}
        for record in map(read_unchecked, folders):
            if record is not None and record.specification == specification:
                return record
        return None

    def _of_the_seed(self, run: Run) -> list[Path]:
        place = run.folder.parent
        if place not in self._listed:
            self._listed[place] = {}
            for name in names_in(place):
                seed = name.partition("-")[0]
                self._listed[place].setdefault(seed, []).append(place / name)
        found = self._listed[place].get(f"seed{run.seed}", [])
        return [folder for folder in found if folder != run.folder]


def _time(folder: Path) -> float:
    try:
        return (folder / RECORD).stat().st_mtime
    except OSError:
        return 0.0


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return git.commit_text(value)
    return "none" if value is None else str(value)
