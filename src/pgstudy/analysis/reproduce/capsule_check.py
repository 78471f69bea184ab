"""Does a capsule hold what it says? Nothing in it is trusted, and none of it runs.

Checksums are verified, and the tables are derived from the runs once more, from the
cells as they were packed: no environment is made and no module of a user is imported.
All that happens in a process of its own, in an empty folder, with bounds on its time
and memory. A library may raise anything on a file that was made to harm it, or crash:
each is one message.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis import steps
from pgstudy.analysis.reproduce.unpacking import DamagedCapsule, unpack
from pgstudy.experiment.config.checks import plain_ids
from pgstudy.experiment.config.loading import assembled
from pgstudy.experiment.config.messages import examine
from pgstudy.experiment.store.runs import RECORD, Run, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Study
from pgstudy.learning.specification import RunSpecification

CELLS = "cells.json"
SECONDS, MEMORY = 1800.0, 16 * 2**30
MAX_MISSING = 10_000  # runs that the study asks for and that were not packed
LONGEST = 500  # of a message


def check(file: Path, seconds: float = SECONDS) -> str:
    """Check a capsule in a fresh process. Returns what was found, in a line.

    Errors: DamagedCapsule.
    """
    with tempfile.TemporaryDirectory() as place:
        empty = Path(place) / "empty"
        empty.mkdir()
        command = [sys.executable, "-P", "-m", __name__, str(file.resolve()), place]
        try:
            done = subprocess.run(
                command,
                cwd=empty,
                capture_output=True,
                timeout=seconds,
                env=os.environ | {"MPLBACKEND": "agg"},
            )
        except subprocess.TimeoutExpired:
            raise _cant_be_used(file, f"it takes over {seconds:g} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        how = f"the process that reads it ended with {done.returncode}"
        raise _cant_be_used(file, how) from None
    if "fault" in answer:
        raise _cant_be_used(file, answer["fault"])
    return str(answer["found"])


def _cant_be_used(file: Path, why: str) -> DamagedCapsule:
    shown = "".join(c if c.isprintable() else "?" for c in why)
    more = " ..." if len(shown) > LONGEST else ""
    return DamagedCapsule(f"{file} can't be used: {shown[:LONGEST]}{more}")


def cells_to_dict(study: Study) -> dict[str, Any]:
    """The cells of a study, so that they can be read without its environments."""
    names = ("environment", "estimator", "threshold")
    return {
        "cells": [
            {name: getattr(cell, name) for name in names}
            | {"specification": cell.specification.to_dict()}
            for cell in study.cells
        ]
    }


class PackedCell(Cell):
    """A cell whose keys say nothing: they hold on the machine of its runs alone."""

    def key(self, seed: int) -> str:
        """No key; runs are found by what they are."""
        return f"packed-{seed}"


class PackedStore(Store):
    """A run store whose runs are found by what they are, whatever made their keys."""

    def run(self, cell: Cell, seed: int) -> Run:
        """The run of a cell and seed; see `Store.run`."""
        for folder in (self.results / "runs" / cell.folder).glob(f"seed{seed}-*"):
            run = Run(cell, seed, folder)
            record = run.record() or {}
            if record.get("specification") == cell.specification.to_dict():
                return run
        return super().run(cell, seed)


def _found(file: Path, place: Path) -> str:
    """Unpack a capsule below `place` and check it. Errors: any."""
    folder, made = place / "capsule", place / "made"
    folder.mkdir()
    count = unpack(file, folder)
    study_files = list((folder / "results").glob("*/study.json"))
    if len(study_files) != 1:
        raise DamagedCapsule(f"it holds {len(study_files)} study.json, not one")
    study = _study(_json(study_files[0]), _json(folder / CELLS))
    if study.name != study_files[0].parent.name:
        raise DamagedCapsule(f"its study.json is of another study, {study.name}")
    packed_runs = len(list((folder / "results/runs").rglob(RECORD)))
    if len(study.cells) * len(study.seeds) > packed_runs + MAX_MISSING:
        raise DamagedCapsule("nearly all runs of its study are missing")
    steps.make("tables", StudyFolder(PackedStore(folder / "results"), study, made))
    for table in sorted((made / "tables").iterdir()):
        packed = study_files[0].parent / "tables" / table.name
        if not packed.is_file() or not _table(table).equals(_table(packed)):
            raise DamagedCapsule(f"its runs give another {table.name}")
    return f"{count} files have their checksums; its runs give its tables"


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise DamagedCapsule(f"{file.name} is missing")
    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise DamagedCapsule(f"{file.name} holds no keys and values")
    return data


def _study(planned: Mapping[str, Any], packed: Mapping[str, Any]) -> Study:
    """The study of study.json with the cells of cells.json."""
    config, _, faults = examine(planned["config"])
    if faults:
        raise DamagedCapsule(f"its config: {faults[0]}")
    cells = tuple(
        PackedCell(
            data["environment"],
            data["estimator"],
            RunSpecification.from_dict(data["specification"]),
            data["threshold"],
        )
        for data in packed["cells"]
    )
    study = assembled(config, cells)
    entries = plain_ids(config)["environments"]
    places = {entry.get("name", entry["id"]) for entry in entries}
    estimators = {entry["name"] for entry in config["estimators"]}
    strange = [
        c for c in cells if {c.environment} - places or {c.estimator} - estimators
    ]
    if strange or not cells:
        raise DamagedCapsule(f"{CELLS} does not hold the cells of its config")
    return study


def _table(path: Path) -> pd.DataFrame:
    """A table as text, but for the keys: another version of pgstudy has others."""
    return pd.read_csv(path, dtype=str).drop(columns="key", errors="ignore")


def answer(file: Path, place: Path) -> dict[str, str]:
    """Check a capsule in this process, in an empty folder: `found`, or a `fault`."""
    try:
        return {"found": _found(file, place)}
    except DamagedCapsule as error:
        return {"fault": str(error)}
    except Exception as error:
        text = str(error).replace(str(place), "")
        return {"fault": f"{type(error).__name__}: {text}"}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(json.dumps(answer(*map(Path, sys.argv[1:]))))
