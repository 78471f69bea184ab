"""The search for learning rates, round by round: search/<round>.json.

A round says which learning rates the ones before have shown to be needed. The last one
says that they are enough, and what was chosen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import Cell, rivals
from pgstudy.experiment.study.tradeoff import Loss, best, next_to_try
from pgstudy.experiment.study.tuning import Choice
from pgstudy.experiment.system.files import write_json

FOLDER = "search"


@dataclass(frozen=True)
class Round:
    """What is known after a round: learning rates tried or to be tried next, and the
    best ones; `done` if they are not to be tried but have been, all of them.
    """

    done: bool
    tried: tuple[Choice, ...]
    best: tuple[Choice, ...]


def look(folder: StudyFolder, before: Round | None) -> Round:
    """The next round: of the first one nothing is tried yet.

    Errors: ValueError if a run that the round before asked for is not there.
    """
    known = set(before.tried) if before else set()
    tried, chosen, done = [], [], True
    for group in rivals(folder.study.cells):
        cells = {cell.learning_rate: cell for cell in group}
        losses = {
            rate: _loss(folder, cell)
            for rate, cell in cells.items()
            if Choice.of(cell) in known
        }
        wanted = next_to_try(sorted(cells), losses)
        done = done and not wanted
        tried += [Choice.of(cells[rate]) for rate in sorted([*losses, *wanted])]
        chosen += [Choice.of(cells[best(losses)])] if losses else []
    return Round(done, tuple(tried), tuple(chosen))


def _loss(folder: StudyFolder, cell: Cell) -> Loss:
    cap = cell.specification.budget.amount
    runs = [folder.store.run(cell, seed) for seed in folder.study.seeds]
    updates, returns = zip(*(_of_run(run, cap) for run in runs), strict=True)
    return Loss(float(np.mean(updates)), -float(np.mean(returns)))


def _of_run(run: Run, cap: int) -> tuple[int, float]:
    """Its updates, or the cap if it ended early, and its return then."""
    record = run.record()
    if record is None or not run.is_complete():
        raise ValueError(f"{run.name} is not complete")
    returns: Sequence[float] = record.evaluation["final"]
    reached = record.status == "finished"
    mean = float(np.mean(returns)) if returns and reached else -np.inf
    return (record.updates if reached else cap), mean


def write_next(folder: StudyFolder, number: int) -> None:
    """Write a round, from what the one before it asked for.

    Errors: OSError, ValueError, KeyError, TypeError.
    """
    place = folder.path / FOLDER
    before = read_round(place / f"{number - 1}.json") if number else None
    write_json(place / f"{number}.json", asdict(look(folder, before)))


def read_round(file: Path) -> Round:
    """A round. Errors: OSError, ValueError, KeyError, TypeError."""
    data: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return Round(data["done"], _choices(data["tried"]), _choices(data["best"]))


def _choices(rows: Any) -> tuple[Choice, ...]:
    return tuple(Choice(**row) for row in rows)


def last_round(folder: StudyFolder) -> Round | None:
    """The last round that is written and whole; None if there is none."""
    files = (folder.path / FOLDER).glob("[0-9]*.json")
    for file in sorted(files, key=lambda file: -int(file.stem)):
        try:
            return read_round(file)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
