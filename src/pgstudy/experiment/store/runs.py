"""The run store: one folder a run, completed atomically; manifests name blocks of runs.

A run is complete when its `run.json`, written last, has a status of `COMPLETE`, and it
and the files that it names are what was written: their SHA-256 says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from pgstudy.experiment.store.record import (
    COMPLETE,
    INCOMPLETE,
    MISSING,
    RECORD,
    Provenance,
    RecordedStatus,
    RunRecord,
    read_record,
    write_record,
)
from pgstudy.experiment.study.cell import Block, Cell, learning_rate_text, run_name
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import (
    file_digest,
    free_place,
    json_text,
    write_json,
)
from pgstudy.experiment.system.shared_disk import lock_of, patiently

UPDATES, EPISODES = "updates.parquet", "episodes.parquet"
POLICY, MILESTONES = "policy.safetensors", "milestones.safetensors"
FILES = (UPDATES, EPISODES, POLICY, MILESTONES)


@dataclass(frozen=True)
class Run:
    """One run's folder, as the store knows it, and its key, see `Cell.key`."""

    cell: Cell
    seed: int
    folder: Path
    key: str

    @property
    def name(self) -> str:
        """How people call the run."""
        cell = self.cell
        place = f"{cell.environment} {cell.estimator} N={cell.n}"
        shown = learning_rate_text(cell.learning_rate)
        return f"{place} learning_rate={shown} seed={self.seed}"

    def record(self) -> RunRecord | None:
        """What `run.json` says; None if it is not there or not what was written."""
        return read_record(self.folder)

    def write_record(self, record: RunRecord) -> None:
        """Write `run.json` with its own digest. Errors: ValueError, OSError."""
        write_record(self.folder, record)

    def recorded(
        self, made: Provenance, status: RecordedStatus, **results: Any
    ) -> RunRecord:
        """The record of the run, which ended in some way, with its results by name."""
        cell = self.cell
        return RunRecord(
            environment=cell.environment,
            estimator=cell.estimator,
            n=cell.n,
            seed=self.seed,
            key=self.key,
            made_of=dict(cell.identity.environment),
            specification=cell.specification.to_dict(),
            status=status,
            **vars(made),
            **results,
        )

    def damaged(self) -> str:
        """Which file of the run is not what was written; empty if none is.

        A run that was cut short has no `run.json` yet, and is not damaged.
        """
        if not (self.folder / RECORD).is_file():
            return ""
        record = self.record()
        return RECORD if record is None else ", ".join(self._changed(record))

    def _changed(self, record: RunRecord) -> list[str]:
        """The files that are not what a sound record says."""
        return [
            name
            for name, digest in record.files.items()
            if file_digest(self.folder / name) != digest
        ]

    def status(self) -> str:
        """How the run ended, or `missing` where its numbers are not there."""
        record = self.record()
        if record and (record.status in INCOMPLETE or not self._changed(record)):
            return record.status
        return MISSING

    def is_complete(self) -> bool:
        """Whether all of the run's numbers are there, up to whatever end."""
        return self.status() in COMPLETE


@dataclass(frozen=True)
class Store:
    """`runs/` and `manifests/` below one results folder."""

    results: Path

    def run(self, cell: Cell, seed: int) -> Run:
        """The run of a cell with a seed, made or not."""
        key = cell.key(seed)
        return Run(cell, seed, self._folder(cell) / run_name(seed, key), key)

    def _folder(self, cell: Cell) -> Path:
        return self.results / places.RUNS / cell.folder

    def manifest(self, block: Block) -> Path:
        """The manifest of a block, written or not."""
        return self.results / places.MANIFESTS / f"{block.manifest}.json"

    def runs(self, block: Block) -> list[Run]:
        """The runs of a block, made or not."""
        cell, above = block.cell, self._folder(block.cell)
        return [
            Run(cell, seed, above / run_name(seed, key), key)
            for seed, key in zip(block.seeds, block.keys, strict=True)
        ]

    def every_run(self, study: Study) -> list[Run]:
        """The runs of a study, made or not, cell by cell."""
        return [self.run(cell, seed) for cell in study.cells for seed in study.seeds]

    def missing(self, block: Block) -> list[Run]:
        """The runs of a block that still have to be trained."""
        return [run for run in self.runs(block) if not run.is_complete()]

    def lock(self, run: Run) -> filelock.FileLock:
        """Held by the process that trains the run; let go of when that dies."""
        return lock_of(self.results / places.LOCKS / run.key)

    def set_aside(self, run: Run) -> Path:
        """Move what is there of a run out of the way. Returns where it is then."""
        aside = self.results / places.SET_ASIDE
        return run.folder.rename(free_place(aside, run.folder.name))

    def has_manifest(self, block: Block) -> bool:
        """Whether the manifest is there, and is what `settle` writes."""
        content = patiently(self.manifest(block).read_bytes)
        return content == json_text(_manifest(block)).encode()

    def settle(self, block: Block) -> list[Run]:
        """Write the manifest if all the block's runs are complete and it is not there.

        Returns the runs that are not. Nothing is ever removed: a manifest that is not
        true is for the call that makes it again.
        """
        missing = self.missing(block)
        if not missing and not self.has_manifest(block):
            self.write_manifest(block)
        return missing

    def write_manifest(self, block: Block) -> None:
        """Write the manifest of a block whose runs are complete."""
        write_json(self.manifest(block), _manifest(block))


def _manifest(block: Block) -> dict[str, list[str]]:
    names = map(run_name, block.seeds, block.keys)
    return {"runs": [f"{block.cell.folder}/{name}" for name in names]}
