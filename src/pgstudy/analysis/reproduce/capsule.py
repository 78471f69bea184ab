"""A study as one file: an RO-Crate with config, code, lock, runs, results, checksums.

Workflow Run Crate (Leo et al. 2024), as far as a single action with its inputs and
outputs goes. What is packed is checked as anybody else would, see `capsule_check`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from pgstudy.analysis.reproduce import unpacking
from pgstudy.analysis.reproduce.capsule_check import check
from pgstudy.experiment.provenance import git, user_code
from pgstudy.experiment.provenance.identity import utc
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import write_atomically
from pgstudy.experiment.system.places import ROOT
from pgstudy.learning.specification import RunSpecification

CAPSULE = "capsule.zip"
WORKFLOW = "Snakefile"
CODE = (
    "Makefile",
    "pyproject.toml",
    "setup.py",
    "requirements.lock",
    "requirements-extras.lock",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
)
CODE_FOLDERS = ("workflow", "profiles", "config", "src", "paper", "docs")
LEFT_OUT = ("partial", "tracked.json", CAPSULE)  # of a study's results
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}


class CantBePacked(ValueError):
    """A study that would make a capsule that fails elsewhere; the message says why."""


def pack(folder: StudyFolder) -> Path:
    """Write capsule.zip beside the study's results, if it can be used elsewhere.

    Returns its path. Errors: CantBePacked, and then there is no new capsule.
    """
    with tempfile.TemporaryDirectory() as name:
        place, study = Path(name), folder.study
        files = _code(study)
        crate = _crate(folder, folder.complete(), files)
        crate.write(place / "crate")
        made = place / "made.zip"
        unpacking.pack(place / "crate", made)
        try:
            check(made)
            unpacking.unpack(made, place / "elsewhere")
        except unpacking.DamagedCapsule as error:
            why = str(error).replace(str(made), "the capsule")
            raise CantBePacked(why) from None
        _require_user_code(study, place / "elsewhere/code")
        write_atomically(
            folder.path / CAPSULE, lambda path: shutil.copyfile(made, path)
        )
    return folder.path / CAPSULE


def _code(study: Study) -> dict[str, Path]:
    """The code by its names: the project's, and a user's, who works in its folder."""
    files = {name: ROOT / name for name in CODE if (ROOT / name).is_file()}
    files |= {str(path): ROOT / path for path in _folder_files()}
    own = user_code.everything(cell.specification for cell in study.cells)
    for name in own.outside:
        cure = "put it beside the code that reads it"
        raise CantBePacked(f"its own code reads {name}; {cure}")
    for name, file in own.files:
        if not files.setdefault(name, file).samefile(file):
            cure = "give it another name"
            raise CantBePacked(f"{name} is a file of pgstudy, too; {cure}")
    return files


def _require_user_code(study: Study, folder: Path) -> None:
    """Errors: CantBePacked, if the unpacked code is not what the runs were made by."""
    for specification in _different(study):
        here = user_code.of(specification)
        if here and user_code.elsewhere(specification, folder) != here.digest:
            cause = "is not the same with the code that a capsule can hold"
            raise CantBePacked(f"{specification.environment.id} {cause}")


def _different(study: Study) -> list[RunSpecification]:
    """One for each environment, with each estimator and network of a user's own."""
    every = [cell.specification for cell in study.cells]
    found = {
        (repr(one.environment), one.estimator.weights, one.policy.network): one
        for one in every
    }
    return list(found.values())


def _crate(folder: StudyFolder, runs: list[Run], files: dict[str, Path]) -> ROCrate:
    study, crate = folder.study, ROCrate()
    crate.name = f"pgstudy: {study.name}"
    crate.description = "What does a policy-gradient estimate from N trajectories buy?"
    workflow = crate.add_workflow(
        ROOT / WORKFLOW, f"code/{WORKFLOW}", main=True, lang="snakemake"
    )
    for name, file in files.items():
        crate.add_file(file, f"code/{name}")
    results = [
        crate.add_file(folder.path / path, f"results/{study.name}/{path}")
        for path in _result_files(folder.path)
    ]
    for run in runs:
        place = run.folder.relative_to(folder.store.results)
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
        "description": f"with the code of commit {git.commit_text(git.state())}",
    }
    if records:
        action["startTime"] = utc(min(record.started for record in records))
        action["endTime"] = utc(max(record.ended for record in records))
        crate.datePublished = action["endTime"]
    entity = crate.add(ContextEntity(crate, "#run", properties=action))
    crate.root_dataset["mentions"] = [{"@id": entity.id}]
    for address, name in PROFILES.items():
        profile = {"@type": "CreativeWork", "name": name}
        crate.add(ContextEntity(crate, address, properties=profile))
    crate.root_dataset["conformsTo"] = [{"@id": address} for address in PROFILES]


def _result_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and not hidden and parts[0] not in LEFT_OUT:
            yield path.relative_to(folder)


def _folder_files() -> Iterator[Path]:
    for name in CODE_FOLDERS:
        for path in sorted((ROOT / name).rglob("*")):
            hidden = "__pycache__" in path.parts or ".egg-info" in str(path)
            if path.is_file() and not hidden:
                yield path.relative_to(ROOT)
