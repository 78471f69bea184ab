"""The run store: one folder a run, completed atomically; manifests name blocks of runs.

A run is complete when its `run.json`, written last, has a status of `COMPLETE`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgstudy.experiment.study import Block, Cell, step_size_text

UPDATES, EPISODES, POLICY = "updates.parquet", "episodes.parquet", "policy.safetensors"
FILES = (UPDATES, EPISODES, POLICY)
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
        """What `run.json` says; None if it is not there or can't be read."""
        try:
            data = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return data if isinstance(data, dict) else None

    def status(self) -> str:
        """How the run ended, `failed`, or `missing` where its numbers are not there."""
        record = self.record() or {}
        if record.get("status") == "failed" or self.is_complete():
            return str(record["status"])
        return "missing"

    def is_complete(self) -> bool:
        """Whether all of the run's numbers are there, up to whatever end."""
        record = self.record()
        return (
            record is not None
            and record.get("status") in COMPLETE
            and all((self.folder / name).is_file() for name in FILES)
        )


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

    def missing(self, block: Block) -> list[Run]:
        """The runs of a block that still have to be trained."""
        runs = [self.run(block.cell, seed) for seed in block.seeds]
        return [run for run in runs if not run.is_complete()]

    def settle(self, block: Block) -> None:
        """Make the manifest true: there if, and only if, all its runs are complete."""
        manifest = self.manifest(block)
        if self.missing(block):
            manifest.unlink(missing_ok=True)
        elif not manifest.exists():
            folders = [str(block.cell.run_folder(seed)) for seed in block.seeds]
            write_json(manifest, {"runs": folders})


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
