"""This machine beside what the runs were made on, and what the differences may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pgstudy.experiment.provenance import git
from pgstudy.experiment.provenance import identity as provenance
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.staleness import earlier

EFFECTS = {
    "learning": "these runs are stale: the code that trains is another",
    "torch": "these runs are stale, and bits may differ",
    "numpy": "these runs are stale, and bits may differ",
    "gymnasium": "these runs are stale: environments may differ",
    "cpu": "bits may differ: torch chooses its kernels by the processor",
    "cpu_capability": "bits may differ: torch is told which kernels to use",
    "platform": "bits may differ: the C library rounds as it does",
    "python": "no bit should differ",
    "lock": "only what the other lines name matters to the bits",
    "git": "no bit differs while `learning` is the same",
}


def differences(runs: Iterable[Run]) -> list[str]:
    """A line for each fact that is not that of this machine, with its effect."""
    here = provenance.describe()
    records = [run.record() or earlier(run) for run in runs]
    makings = [record.made_by for record in records if record]
    lines = []
    for name, effect in EFFECTS.items():
        found = Counter(_text(making.get(name)) for making in makings)
        for value, count in sorted(found.items()):
            if value != _text(here.get(name)):
                lines.append(
                    f"{name}: {value} in {count} of {len(makings)} runs, "
                    f"{_text(here.get(name))} here: {effect}"
                )
    return lines


def _text(value: Any) -> str:
    return git.commit_text(value) if isinstance(value, dict) else str(value)
