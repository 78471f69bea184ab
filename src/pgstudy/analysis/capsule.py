"""A study as one file: an RO-Crate with config, code, lock, runs, results, checksums.

Workflow Run Crate (Leo et al. 2024), as far as a single action with its inputs and
outputs goes.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from pgstudy.analysis import products
from pgstudy.experiment import git, provenance
from pgstudy.experiment.config import ROOT
from pgstudy.experiment.loading import read_study
from pgstudy.experiment.runs import Run, Store, file_digest
from pgstudy.experiment.study import Cell, Study

CAPSULE, CHECKSUMS = "capsule.zip", "manifest-sha256.txt"
CODE = ("Snakefile", "Makefile", "pyproject.toml", "requirements.lock", "README.md")
CODE_FOLDERS = ("workflow", "profiles", "config", "src", "paper")
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}


class DamagedCapsule(ValueError):
    """A capsule that does not hold what it should; the message says what."""


def pack(store: Store, study: Study, folder: Path) -> Path:
    """Write capsule.zip beside the study's results. Returns its path."""
    complete = [run for run in store.every_run(study) if run.is_complete()]
    with tempfile.TemporaryDirectory() as place:
        crate_folder = Path(place) / "capsule"
        _crate(store, study, folder, complete).write(crate_folder)
        lines = [f"{file_digest(crate_folder / f)}  {f}" for f in _files(crate_folder)]
        (crate_folder / CHECKSUMS).write_text("\n".join(lines) + "\n", "utf-8")
        made = shutil.make_archive(str(Path(place) / "made"), "zip", crate_folder)
        partial = folder / f".{CAPSULE}"
        shutil.copyfile(made, partial)
        return partial.replace(folder / CAPSULE)


def check(file: Path) -> str:
    """Verify every checksum and derive the tables from the runs once more.

    Returns what was found, in a line. Errors: DamagedCapsule.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            zipfile.ZipFile(file).extractall(folder)
            count = _check_checksums(folder)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise DamagedCapsule(f"{file} can't be used: {error}") from None
        (study_file,) = (folder / "results").glob("*/study.json")
        study = read_study(study_file)
        made = folder / "made"
        products.tables(PackedStore(folder / "results"), study, made)
        for table in sorted((made / "tables").iterdir()):
            packed = study_file.parent / "tables" / table.name
            if not _table(table).equals(_table(packed)):
                raise DamagedCapsule(f"its runs give another {table.name}")
    return f"{count} files have their checksums; its runs give its tables"


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


def _crate(store: Store, study: Study, folder: Path, runs: list[Run]) -> ROCrate:
    crate = ROCrate()
    crate.name = f"pgstudy: {study.name}"
    crate.description = "What does a policy-gradient estimate from N trajectories buy?"
    snakefile, *others = CODE
    workflow = crate.add_workflow(
        ROOT / snakefile, f"code/{snakefile}", main=True, lang="snakemake"
    )
    for name in (name for name in others if (ROOT / name).is_file()):
        crate.add_file(ROOT / name, f"code/{name}")
    for file in _code_files():
        crate.add_file(ROOT / file, f"code/{file}")
    results = [
        crate.add_file(path, f"results/{study.name}/{path.relative_to(folder)}")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name != CAPSULE
        and path.relative_to(folder).parts[0] not in ("partial", "tracked.json")
    ]  # fmt: skip
    for run in runs:
        place = run.folder.relative_to(store.results)
        results.append(crate.add_directory(run.folder, f"results/{place}"))
    _describe_action(crate, workflow, results, runs)
    return crate


def _describe_action(
    crate: ROCrate, workflow: Any, results: list[Any], runs: list[Run]
) -> None:
    """The one call that made the results, as the profiles have it."""
    records = [record for run in runs if (record := run.record())]
    action: dict[str, Any] = {
        "@type": "CreateAction",
        "name": "snakemake",
        "instrument": {"@id": workflow.id},
        "result": [{"@id": result.id} for result in results],
        "description": f"of commit {git.commit_text(git.state())}",
    }
    if records:
        ends = [record["started"] + record["seconds"] for record in records]
        action["startTime"] = provenance.utc(min(r["started"] for r in records))
        action["endTime"] = provenance.utc(max(ends))
        crate.datePublished = action["endTime"]
    entity = crate.add(ContextEntity(crate, "#run", properties=action))
    crate.root_dataset["mentions"] = [{"@id": entity.id}]
    for address, name in PROFILES.items():
        profile = {"@type": "CreativeWork", "name": name}
        crate.add(ContextEntity(crate, address, properties=profile))
    crate.root_dataset["conformsTo"] = [{"@id": address} for address in PROFILES]


def _code_files() -> Iterator[Path]:
    for name in CODE_FOLDERS:
        for path in sorted((ROOT / name).rglob("*")):
            hidden = "__pycache__" in path.parts or ".egg-info" in str(path)
            if path.is_file() and not hidden:
                yield path.relative_to(ROOT)


def _table(path: Path) -> pd.DataFrame:
    """A table as text, but for the keys: another version of pgstudy has others."""
    return pd.read_csv(path, dtype=str).drop(columns="key", errors="ignore")


def _files(folder: Path) -> list[Path]:
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())


def _check_checksums(folder: Path) -> int:
    lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, _, name in (s.partition("  ") for s in lines)}
    found = {str(path) for path in _files(folder)} - {CHECKSUMS}
    for name in sorted(found ^ set(expected)):
        raise ValueError(f"{name} is {'extra' if name in found else 'missing'}")
    for name, digest in expected.items():
        if file_digest(folder / name) != digest:
            raise ValueError(f"{name} is not what was packed")
    return len(expected)
