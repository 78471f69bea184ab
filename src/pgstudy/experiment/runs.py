"""The run store: one folder a run, completed atomically; manifests name blocks of runs.

A run is complete when its `run.json`, written last, has a status of `COMPLETE`, and it
and the files that it names are what was written: their SHA-256 says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from pgstudy.experiment.config import canonical_json
from pgstudy.experiment.study import Block, Cell, Study, step_size_text

UPDATES, EPISODES = "updates.parquet", "episodes.parquet"
POLICY, MILESTONES = "policy.safetensors", "milestones.safetensors"
FILES = (UPDATES, EPISODES, POLICY, MILESTONES)
RECORD, SELF = "run.json", "sha256"
COMPLETE = ("finished", "diverged", "stuck")


@dataclass(frozen=True)
class Run:
    """One run's folder, as the store knows it."""

    cell: Cell
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """How people call the run."""
        cell = self.cell
        step = f"alpha={step_size_text(cell.alpha)}"
        return f"{cell.environment} {cell.estimator} N={cell.n} {step} seed={self.seed}"

    def record(self) -> dict[str, Any] | None:
        """What `run.json` says; None if it is not there or not what was written."""
        try:
            data = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        sound = isinstance(data, dict) and data.get(SELF) == _digest_of(data)
        return data if sound else None

    def write_record(self, data: Mapping[str, Any]) -> None:
        """Write `run.json` with its own digest. Errors: ValueError, OSError."""
        write_json(self.folder / RECORD, {**data, SELF: _digest_of(data)})

    def damaged(self) -> str:
        """Which file of the run is not what was written; empty if none is.

        A run that was cut short has no `run.json` yet, and is not damaged.
        """
        if not (self.folder / RECORD).is_file():
            return ""
        record = self.record()
        if record is None:
            return RECORD
        return ", ".join(self._changed(record))

    def _changed(self, record: Mapping[str, Any]) -> list[str]:
        """The files that are not what a sound record says."""
        return [
            name
            for name, digest in record.get("files", {}).items()
            if file_digest(self.folder / name) != digest
        ]

    def status(self) -> str:
        """How the run ended, `failed`, or `missing` where its numbers are not there."""
        record = self.record() or {}
        if record.get("status") == "failed" or self.is_complete():
            return str(record["status"])
        return "missing"

    def is_complete(self) -> bool:
        """Whether all of the run's numbers are there, up to whatever end."""
        record = self.record() or {}
        return record.get("status") in COMPLETE and not self._changed(record)


@dataclass(frozen=True)
class Store:
    """`runs/` and `manifests/` below one results folder."""

    results: Path

    def run(self, cell: Cell, seed: int) -> Run:
        """The run of a cell with a seed, made or not."""
        return Run(cell, seed, self.results / "runs" / cell.run_folder(seed))

    def manifest(self, block: Block) -> Path:
        """The manifest of a block, written or not."""
        return self.results / "manifests" / f"{block.manifest}.json"

    def runs(self, block: Block) -> list[Run]:
        """The runs of a block, made or not."""
        return [self.run(block.cell, seed) for seed in block.seeds]

    def every_run(self, study: Study) -> list[Run]:
        """The runs of a study, made or not, cell by cell."""
        return [self.run(cell, seed) for cell in study.cells for seed in study.seeds]

    def missing(self, block: Block) -> list[Run]:
        """The runs of a block that still have to be trained."""
        return [run for run in self.runs(block) if not run.is_complete()]

    def lock(self, run: Run) -> filelock.FileLock:
        """Held by the process that trains the run; let go of when that dies."""
        return filelock.FileLock(self.results / "locks" / run.cell.key(run.seed))

    def set_aside(self, run: Run) -> Path:
        """Move what is there of a run out of the way. Returns where it is then."""
        folder = self.results / "set-aside"
        folder.mkdir(parents=True, exist_ok=True)
        taken = len(list(folder.glob(f"{run.folder.name}-*")))
        return run.folder.rename(folder / f"{run.folder.name}-{taken + 1}")

    def settle(self, block: Block) -> list[Run]:
        """Make the manifest true: there if, and only if, all its runs are complete.

        Returns the runs that are not.
        """
        manifest, missing = self.manifest(block), self.missing(block)
        if missing:
            manifest.unlink(missing_ok=True)
        elif not manifest.exists():
            folders = [str(block.cell.run_folder(seed)) for seed in block.seeds]
            write_json(manifest, {"runs": folders})
        return missing


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file, in hex; None if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record without the digest that it carries of itself."""
    rest = {key: value for key, value in record.items() if key != SELF}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it once it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON atomically. Errors: ValueError on a non-finite number."""
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))
