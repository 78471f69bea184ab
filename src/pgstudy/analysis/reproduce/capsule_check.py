"""Does a capsule hold what it says? Nothing in it is trusted, and none of it runs.

Checksums are verified, and the tables are derived from the runs once more, of the study
as it was planned: no environment is made and no module of a user is imported.
All that happens in a process of its own, in an empty folder, with bounds on its time
and memory. A library may raise anything on a file that was made to harm it, or crash:
each is one message.
"""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pandas as pd

from pgstudy.analysis import steps
from pgstudy.analysis.reproduce.unpacking import DamagedCapsule, unpack
from pgstudy.experiment.config.checks import seed_list
from pgstudy.experiment.config.environments import plain_ids
from pgstudy.experiment.config.schema import examine
from pgstudy.experiment.store.differences import across_processors
from pgstudy.experiment.store.record import RECORD
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.study_file import STUDY_FILE, NotAStudyFile, read_study
from pgstudy.experiment.system.isolation import Died, in_child

SECONDS, MEMORY = 1800.0, 16 * 2**30
MAX_MISSING = 10_000  # runs that the study asks for and that were not packed
LONGEST = 500  # of a message


def check(file: Path, seconds: float = SECONDS) -> str:
    """Check a capsule in a process of its own. Returns what was found, in a line.

    Errors: DamagedCapsule.
    """
    with tempfile.TemporaryDirectory() as place:
        try:
            found = in_child(lambda: _bounded(file.resolve(), Path(place)), seconds)
        except Died as error:
            raise _cant_be_used(file, str(error)) from None
    if "fault" in found:
        raise _cant_be_used(file, found["fault"])
    return _shown(found["found"])


def _bounded(file: Path, place: Path) -> dict[str, str]:
    """The child's part: it says nothing, and has an empty folder and so much memory."""
    with open(os.devnull, "w") as nothing:
        for stream in (1, 2):
            os.dup2(nothing.fileno(), stream)
    empty = place / "empty"
    empty.mkdir()
    os.chdir(empty)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return answer(file, place)


def _cant_be_used(file: Path, why: str) -> DamagedCapsule:
    return DamagedCapsule(f"{file} can't be used: {_shown(why)}")


def _shown(text: str) -> str:
    """Parts of it may come from the capsule."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown[:LONGEST] + (" ..." if len(shown) > LONGEST else "")


def _found(file: Path, place: Path) -> str:
    """Unpack a capsule below `place` and check it. Errors: any."""
    folder, made = place / "capsule", place / "made"
    folder.mkdir()
    count = unpack(file, folder)
    study_files = list((folder / "results").glob(f"*/{STUDY_FILE}"))
    if len(study_files) != 1:
        raise DamagedCapsule(f"it holds {len(study_files)} study.json, not one")
    study = read_study(study_files[0])
    _require_its_config(study)
    if study.name != study_files[0].parent.name:
        raise DamagedCapsule(f"its study.json is of another study, {study.name}")
    packed_runs = len(list((folder / "results/runs").rglob(RECORD)))
    if len(study.cells) * len(study.seeds) > packed_runs + MAX_MISSING:
        raise DamagedCapsule("nearly all runs of its study are missing")
    packed_study = StudyFolder(Store(folder / "results"), study, made)
    steps.make("tables", packed_study)
    for table in sorted((made / "tables").iterdir()):
        packed = study_files[0].parent / "tables" / table.name
        if not packed.is_file() or not _table(table).equals(_table(packed)):
            raise DamagedCapsule(f"its runs give another {table.name}")
    across = across_processors(packed_study.runs)
    words = f"{count} files have their checksums; its runs give its tables"
    return f"{words} ({across})" if across else words


def _require_its_config(study: Study) -> None:
    """Errors: DamagedCapsule, if the cells and seeds are not those of its config."""
    config, _, faults = examine(study.config)
    if faults:
        raise DamagedCapsule(f"its config: {faults[0]}")
    entries = plain_ids(config)["environments"]
    known = {entry.get("name", entry["id"]) for entry in entries}
    estimators = {entry["name"] for entry in config["estimators"]}
    strange = {*study.environments} - known or {*study.estimators} - estimators
    labels = study.name, [*study.seeds]
    same = labels == (config["study"], seed_list(config["seeds"]))
    if strange or not same or not study.cells:
        raise DamagedCapsule("its study.json does not hold what its config asks for")


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str)


def answer(file: Path, place: Path) -> dict[str, str]:
    """Check a capsule in this process, in an empty folder: `found`, or a `fault`."""
    try:
        return {"found": _found(file, place)}
    except (DamagedCapsule, NotAStudyFile) as error:
        return {"fault": str(error).replace(str(place), "")}
    except (Exception, SystemExit) as error:
        text = str(error).replace(str(place), "")
        return {"fault": f"{type(error).__name__}: {text}"}
