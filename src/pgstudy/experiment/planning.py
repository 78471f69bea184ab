"""What a call of Snakemake finds below results/, before anything is made.

Looking changes nothing. What is not what was written is not removed either: Snakemake
is told to make it again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import filelock

from pgstudy.experiment import cluster
from pgstudy.experiment.index import Index
from pgstudy.experiment.progress import lost
from pgstudy.experiment.store import digests, search
from pgstudy.experiment.store.differences import why_stale
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.study.tuning import Choice, restricted
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import remove_leftovers
from pgstudy.experiment.tracking import mirror

CHOSEN = "chosen.json"


@dataclass
class Found:
    """What is there of a study, and of the one that chooses its learning rates.

    missing: runs that are not complete, by their block's manifest.
    settled: manifests that are there and true; their blocks need no job.
    unwritten: manifests of complete blocks that are not there yet.
    again: files, below the working folder, that have to be made again.
    lines: what people should know of that.
    trouble: why nothing may be made now; empty if it may.
    """

    missing: dict[str, list[Run]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    unwritten: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    trouble: str = ""


def begin(lock: filelock.BaseFileLock, folder: StudyFolder) -> Found:
    """Take the call's lock, look, and do what needs no job. See `Found.trouble`."""
    try:
        folder.store.results.mkdir(exist_ok=True)
        lock.acquire(blocking=False)
        cluster.wait_for_orphans(folder.store.results, print)
        shutil.rmtree(folder.store.results / places.JOBS, ignore_errors=True)
        index = Index(folder.store.results, noting=True)
        found = _look(folder, index)
        _remove_leftovers(folder)
        found.lines += lost.settle(both(folder))
        _write_manifests(folder, found)
        index.write()
        return found
    except filelock.Timeout:
        trouble = "another snakemake call works on results/; wait until it ends"
    except OSError as error:
        trouble = f"results/ can't be written: {error}"
    return replace(look(folder), trouble=trouble)


def look(folder: StudyFolder) -> Found:
    """What is there of the study, and is what was written."""
    return _look(folder, Index(folder.store.results))


def _look(folder: StudyFolder, index: Index) -> Found:
    found = Found()
    for one in both(folder):
        for block in one.study.blocks():
            runs = one.store.runs(block)
            missing = [run for run in runs if not index.is_complete(run)]
            found.missing[block.manifest] = missing
            _look_at_manifest(one.store, block, found)
        _look_at_products(one.path, found)
        blocks = wanted_blocks(one)
        stale = [run for block in blocks for run in found.missing[block.manifest]]
        found.lines += why_stale(stale)
    held = mirror.held(folder.store.results)
    for one in both(folder):
        _look_at_receipt(one.path / mirror.RECEIPT, held, found)
    return found


def both(folder: StudyFolder) -> list[StudyFolder]:
    """With the one of the study that chooses its learning rates, if one does."""
    return [one for one in (folder, folder.tuning) if one is not None]


def wanted_blocks(folder: StudyFolder) -> list[Block]:
    """The blocks of a study; of a tuned one, those of the chosen learning rates alone.

    None while they are not chosen. Of a search, those that it has asked for so far.
    """
    if not folder.study.tune_seeds:
        asked = search.last_round(folder) if folder.study.searches else None
        if asked:
            return list(restricted(folder.study, asked.tried).blocks())
        return [] if folder.study.searches else list(folder.study.blocks())
    file = folder.path / CHOSEN
    if not file.is_file() or digests.changed(folder.path, CHOSEN):
        return []
    try:
        return list(restricted(folder.study, read_chosen(file)).blocks())
    except (OSError, ValueError, KeyError, TypeError):
        return []


def read_chosen(file: Path) -> tuple[Choice, ...]:
    """The chosen learning rates. Errors: OSError, ValueError, KeyError, TypeError."""
    rows = json.loads(file.read_text("utf-8"))["chosen"]
    return tuple(Choice(**row) for row in rows)


def _write_manifests(folder: StudyFolder, found: Found) -> None:
    """Write the manifests that are not there; their blocks need no job then."""
    for one in both(folder):
        for block in one.study.blocks():
            if block.manifest in found.unwritten:
                one.store.write_manifest(block)
    found.settled |= found.unwritten
    found.unwritten.clear()


def _remove_leftovers(folder: StudyFolder) -> None:
    """Remove what killed processes left half-written."""
    results = folder.store.results
    paths = [one.path for one in both(folder)]
    for path in (*paths, results / places.MANIFESTS, results / places.PROGRESS):
        remove_leftovers(path)


def _look_at_manifest(store: Store, block: Block, found: Found) -> None:
    complete = not found.missing[block.manifest]
    if complete and store.has_manifest(block):
        found.settled.add(block.manifest)
    elif store.manifest(block).exists():
        found.again.add(str(store.manifest(block)))
    elif complete:
        found.unwritten.add(block.manifest)


def _look_at_products(folder: Path, found: Found) -> None:
    records = digests.records(folder)
    for step, files in digests.damaged(folder).items():
        found.again.update(str(folder / name) for name in records[step])
        for name, how in files.items():
            was = "is not what was written" if how == "changed" else "is missing"
            found.lines.append(f"{folder / name} {was}; it is made again")
    found.again.update(str(folder / name) for name in digests.unrecorded(folder))


def _look_at_receipt(receipt: Path, held: set[str] | None, found: Found) -> None:
    if not receipt.exists() or mirror.is_true(receipt, held):
        return
    found.again.add(str(receipt))
    if mirror.receipt(receipt).get("runs"):
        found.lines.append(
            f"MLflow does not hold what {receipt} says; the runs are uploaded again"
        )
