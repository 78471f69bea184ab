"""`snakemake verify`: runs trained again, and every file made again, bit for bit."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pgstudy.analysis import products
from pgstudy.analysis.reading import TRACKED, Missing
from pgstudy.experiment import digests
from pgstudy.experiment.retraining import Retrained, retrain, sample
from pgstudy.experiment.runs import Store, file_digest, write_json
from pgstudy.experiment.study import Study

VERIFICATION = "verification.json"
OF = Path("tables") / "runs.csv"  # the runs that a verification speaks of


@dataclass(frozen=True)
class Verification:
    """Runs trained again, and the files made again with whether they are the same."""

    runs: list[Retrained]
    files: dict[str, bool]

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
        return (
            f"{sum(runs)} of {len(runs)} runs identical, "
            f"{sum(files)} of {len(files)} files identical"
        )


def verify(store: Store, study: Study, folder: Path) -> Verification:
    """Train a sample again, make every file again, and write verification.json.

    The report is written once more then, since it says what was found.
    """
    found = Verification(retrain(sample(store, study)), _remade(store, study, folder))
    data = {
        "summary": found.summary,
        "of": file_digest(folder / OF),
        "runs": [run.to_dict() for run in found.runs],
        "files": found.files,
    }
    write_json(folder / VERIFICATION, data)
    if found.files["report.html"]:
        with contextlib.suppress(Missing):  # what is damaged is among the faults
            products.report(store, study, folder)
    return found


def line(folder: Path) -> str | None:
    """What the last verification found, if it was of the runs that are there now."""
    try:
        data = json.loads((folder / VERIFICATION).read_text(encoding="utf-8"))
        current = data["of"] == file_digest(folder / OF)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(data["summary"]) if current else None


def _remade(store: Store, study: Study, folder: Path) -> dict[str, bool]:
    """Make every file once more, elsewhere. Returns by name whether it is the same."""
    with tempfile.TemporaryDirectory() as place:
        other = Path(place)
        quoted = (VERIFICATION, TRACKED)  # by the report
        for name in quoted:
            if (folder / name).is_file():
                shutil.copy(folder / name, other)
        for step in products.STEPS:
            step(store, study, other)
        for name in quoted:
            (other / name).unlink(missing_ok=True)
        shutil.rmtree(other / digests.FOLDER)  # they say no more than the files
        files = sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
        return {str(f): _same(other / f, folder / f) for f in files}


def _same(one: Path, two: Path) -> bool:
    return two.is_file() and one.read_bytes() == two.read_bytes()
