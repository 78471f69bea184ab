"""Saved policies -> recordings/: which runs play an episode, and the files of it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis.outputs import read_tables
from pgstudy.analysis.recordings.frames import TooLarge
from pgstudy.analysis.recordings.record import record
from pgstudy.analysis.tables.build import Tables, best
from pgstudy.experiment.store.runs import POLICY, Run, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import folder_name
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import write_atomically, write_json
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.learning.environments import faults

INDEX = "recordings.json"
ROLES = ("worst", "median", "best")
SPEAKING = faults.UnusableEnvironment, faults.EnvironmentFault, TooLarge


def recordings(folder: StudyFolder) -> None:
    """An episode each of the worst, the median and the best run -> recordings/."""
    tables = read_tables(folder)
    write(folder.store, folder.study, tables, folder.path / "recordings")


def choose(tables: Tables, environment: str) -> dict[str, pd.Series]:
    """Rows of `runs` by role: of the best cell's finished runs, by final return.

    Of two runs there is no median one, and a single one is the best. Of an even number
    the median is the lower one of the middle two.
    """
    summary = best(tables.summary[tables.summary["environment"] == environment])
    runs = tables.runs[tables.runs["environment"] == environment]
    for name in ("estimator", "n", "learning_rate"):
        runs = runs[runs[name] == summary[name].iloc[0]]
    runs = runs[(runs["status"] == "finished") & runs["final_return"].notna()]
    rows = [row for _, row in runs.sort_values(["final_return", "seed"]).iterrows()]
    if len(rows) < len(ROLES):
        return dict(zip(("worst", "best")[-len(rows) :], rows, strict=False))
    middle = rows[(len(rows) - 1) // 2]
    return dict(zip(ROLES, (rows[0], middle, rows[-1]), strict=True))


def write(store: Store, study: Study, tables: Tables, folder: Path) -> None:
    """Write the recordings, and `recordings.json`: an entry for each.

    Where an environment can't be recorded, the entry has a `reason` and no `file`.
    Errors: OSError.
    """
    entries: list[dict[str, Any]] = []
    for environment in study.environments:
        chosen = choose(tables, environment)
        if not chosen:
            reason = "no run of its best cell is finished"
            entries.append({"environment": environment, "reason": reason})
        made = [_made(store, study, row, folder, role) for role, row in chosen.items()]
        some = any("file" in entry for entry in made)
        entries += made[: None if some else 1]
    write_json(folder / INDEX, entries)


def _made(
    store: Store, study: Study, row: pd.Series, folder: Path, role: str
) -> dict[str, Any]:
    """One recording's entry; its file is written if it could be made."""
    cells = study.cells_of(row["environment"], row["estimator"])
    place = row["n"], row["learning_rate"]
    cell = next(c for c in cells if (c.n, c.learning_rate) == place)
    run = store.run(cell, int(row["seed"]))
    entry = {
        "environment": cell.environment,
        "role": role,
        "estimator": cell.estimator,
        "n": cell.n,
        "learning_rate": cell.learning_rate,
        "seed": run.seed,
    }
    try:  # a library that draws may end its process, where it finds no screen for one
        shown: dict[str, Any] = in_child(lambda: _recorded(run))
    except Died as error:
        shown = {"reason": str(error)}
    if "content" not in shown:
        return entry | shown
    content = base64.b64decode(shown.pop("content"))
    file = f"{folder_name(cell.environment)}-{role}.webp"
    write_atomically(folder / file, lambda path: path.write_bytes(content))
    return entry | {"file": file} | shown


def _recorded(run: Run) -> dict[str, Any]:
    """A file's content and what it shows, or the reason why there is none."""
    try:
        made = record(run.cell.specification, run.folder / POLICY, run.seed)
        content = made.encoded()
    except (Exception, SystemExit) as error:  # an environment may raise anything
        own = isinstance(error, SPEAKING)
        return {"reason": str(error) if own else f"{type(error).__name__}: {error}"}
    return {
        "content": base64.b64encode(content).decode(),
        "episode_return": made.episode_return,
        "steps": made.steps,
    }
