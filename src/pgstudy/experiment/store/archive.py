"""Runs in one file, to where no disk is shared: a ZIP archive that compresses nothing.

A run's `run.json` has the SHA-256 of its files and of itself: what arrives is held
against that.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pgstudy.experiment.store.differences import facts_that_differ
from pgstudy.experiment.store.record import RECORD, RunRecord
from pgstudy.experiment.store.runs import FILES, Run, Store
from pgstudy.experiment.system.files import write_atomically

ENDING = ".zip"


def pack(runs: Iterable[Run], file: Path) -> None:
    """Write an archive of the runs that have ended, however they did. Errors: OSError.

    A run's files are below its key.
    """

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for run in runs:
                if (record := run.record()) is not None:
                    for name in (*record.files, RECORD):
                        archive.write(run.folder / name, f"{run.key}/{name}")

    write_atomically(file, write)


def unpack(store: Store, runs: Sequence[Run], file: Path) -> list[Run]:
    """Take runs that are not complete here from an archive. Returns those that failed.

    Errors: ValueError, where the archive does not hold them or is damaged; OSError.
    """
    failed = []
    try:
        with zipfile.ZipFile(file) as archive:
            for run in runs:
                with store.lock(run):
                    if not run.is_complete() and not _take(archive, run):
                        failed.append(run)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{file} is damaged: {error}") from None
    return failed


def _take(archive: zipfile.ZipFile, run: Run) -> bool:
    """Write the files of a run, its record last. Returns whether it is complete."""
    place = zipfile.Path(archive, f"{run.key}/")
    there = [name for name in (*FILES, RECORD) if (place / name).exists()]
    if RECORD not in there:
        raise ValueError(f"{archive.filename} lacks {run.name}: {_why(archive, run)}")
    for name in there:
        data = (place / name).read_bytes()
        write_atomically(run.folder / name, _writing(data))
    if changed := run.damaged():
        raise ValueError(f"{run.name}: {changed} is damaged in {archive.filename}")
    return run.is_complete()


def _writing(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _why(archive: zipfile.ZipFile, run: Run) -> str:
    """What made the same run there that is not what is here."""
    names = [name for name in archive.namelist() if name.endswith(f"/{RECORD}")]
    records = [RunRecord.from_dict(json.loads(archive.read(name))) for name in names]
    wanted = run.seed, run.cell.specification.to_dict()
    differ = [
        f"{name} is {then} there, {now} here"
        for record in records
        if (record.seed, record.specification) == wanted
        for name, then, now in facts_that_differ(run, record)
    ]
    if not differ:
        return "its job did not end it"
    return f"{', '.join(differ)}; make the image of the jobs from this very folder"
