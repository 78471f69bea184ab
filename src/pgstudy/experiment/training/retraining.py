"""Train runs again, in fresh processes and another folder, and compare the bits."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pgstudy.experiment.store.runs import UPDATES, Run, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.system.addresses import without_folders
from pgstudy.experiment.training.call import THREADS

OTHER_THREADS = "3"  # whatever the shell says, a run uses one


@dataclass(frozen=True)
class Retrained:
    """What came of training one run again.

    `first_update`: the first one that differs; None if only what follows the last
    does. `differences`: how the two were made, theirs and ours, where that differs.
    """

    run: str
    key: str
    identical: bool
    why: str = ""
    first_update: int | None = None
    differences: dict[str, list[Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)

    def text(self) -> str:
        """A line that says what differs."""
        if self.identical:
            return f"{self.run}: identical"
        differences = "; ".join(
            f"{name}: {theirs} then, {ours} now"
            for name, (theirs, ours) in self.differences.items()
        )
        return f"{self.run}: {self.why} ({differences or 'made the same way'})"


def sample(folder: StudyFolder) -> list[Run]:
    """The complete runs to train again: `verify.runs` of the config.

    `one-per-cell` takes another seed in each cell, going round.
    """
    study, store = folder.study, folder.store
    if study.verify == "all":
        runs = store.every_run(study)
    else:
        turns = zip(study.cells, itertools.cycle(study.seeds), strict=False)
        runs = [store.run(cell, seed) for cell, seed in turns]
    return [run for run in runs if run.is_complete()]


def retrain(runs: list[Run]) -> list[Retrained]:
    """Train each again, as many at once as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_retrain, runs))


def _retrain(run: Run) -> Retrained:
    block = Block(run.cell, (run.seed,))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pgstudy", "train", block.to_json()]
        said = Path(folder) / "said"
        with said.open("w") as file:  # no pipe: an environment may leave others behind
            subprocess.run(
                [*command, "--results", folder],
                env=os.environ | dict.fromkeys(THREADS, OTHER_THREADS),
                stdout=file,
                stderr=file,
            )
        again = Store(Path(folder)).run(run.cell, run.seed)
        key = run.key
        if not again.is_complete():
            why = without_folders(said.read_text("utf-8").strip())
            return Retrained(run.name, key, False, f"failed: {why}")
        return compare(run, again)


def compare(run: Run, again: Run) -> Retrained:
    """Two complete runs of one specification and seed."""
    theirs, ours = run.record(), again.record()
    assert theirs is not None
    assert ours is not None
    key = run.key
    if theirs.digest == ours.digest:
        return Retrained(run.name, key, True)
    differences = {
        name: [theirs.made_by.get(name), value]
        for name, value in ours.made_by.items()
        if theirs.made_by.get(name) != value and name != "command"
    }
    first = _first_difference(run, again)
    why = f"the first difference is at update {first}"
    if first is None:
        why = "the updates are the same, and the policy or an evaluation is not"
    return Retrained(run.name, key, False, why, first, differences)


def _first_difference(run: Run, again: Run) -> int | None:
    one, two = (pq.read_table(r.folder / UPDATES).to_pydict() for r in (run, again))
    rows = [list(zip(*table.values(), strict=True)) for table in (one, two)]
    for update, (mine, other) in enumerate(zip(*rows, strict=False), start=1):
        if repr(mine) != repr(other):  # NaN is equal to NaN here
            return update
    lengths = [len(table) for table in rows]
    return None if lengths[0] == lengths[1] else min(lengths) + 1
