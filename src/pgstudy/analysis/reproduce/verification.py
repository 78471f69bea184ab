"""`snakemake verify`: runs trained again, and every file made again, bit for bit."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pgstudy.analysis import steps
from pgstudy.analysis.common.names import TRACKED, VERIFICATION, VERIFIED_RUNS
from pgstudy.analysis.common.needed import Missing
from pgstudy.experiment.store import digests
from pgstudy.experiment.store.differences import across_processors
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import file_digest, write_json
from pgstudy.experiment.training.retraining import Retrained, retrain, sample


@dataclass(frozen=True)
class Verification:
    """Runs trained again, and the files made again with whether they are the same."""

    runs: list[Retrained]
    files: dict[str, bool]
    across: str = ""  # processors

    @property
    def faults(self) -> list[str]:
        """What is not what it was, a line each."""
        runs = [run.text() for run in self.runs if not run.identical]
        files = [name for name, same in self.files.items() if not same]
        return runs + [f"{name}: these runs give another file" for name in files]

    @property
    def summary(self) -> str:
        """How much is identical, in one line."""
        runs, files = [run.identical for run in self.runs], self.files.values()
        across = f" ({self.across})" if self.across else ""
        return (
            f"{sum(runs)} of {len(runs)} runs identical, "
            f"{sum(files)} of {len(files)} files identical{across}"
        )


def verify(folder: StudyFolder) -> Verification:
    """Train a sample again, make every file again, and write verification.json.

    The report is written once more then, since it says what was found.
    """
    runs = sample(folder)
    across = across_processors(runs)
    found = Verification(retrain(runs), _remade(folder), across)
    data = {
        "summary": found.summary,
        "of": file_digest(folder.path / VERIFIED_RUNS),
        "runs": [run.to_dict() for run in found.runs],
        "files": found.files,
    }
    write_json(folder.path / VERIFICATION, data)
    if found.files["report.html"]:
        with contextlib.suppress(Missing):  # what is damaged is among the faults
            steps.make("report", folder)
    return found


def _remade(folder: StudyFolder) -> dict[str, bool]:
    """Make every file once more, elsewhere. Returns by name whether it is the same."""
    with tempfile.TemporaryDirectory() as place:
        other = Path(place)
        quoted = (VERIFICATION, TRACKED)  # by the report
        for name in quoted:
            if (folder.path / name).is_file():
                shutil.copy(folder.path / name, other)
        steps.make_all(folder.at(other))
        for name in quoted:
            (other / name).unlink(missing_ok=True)
        shutil.rmtree(other / digests.FOLDER)  # they say no more than the files
        files = sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
        return {str(f): _same(other / f, folder.path / f) for f in files}


def _same(one: Path, two: Path) -> bool:
    return two.is_file() and one.read_bytes() == two.read_bytes()
