"""The few numbers of a study that documents show, kept beside them in docs/data/.

A record outlives the study's results, so that a document can be compared with it: how
the runs were made, the tables that the text rests on, and digests of its pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis.common.columns import SCHEMAS, TRADEOFFS
from pgstudy.analysis.common.csv_files import read_csv
from pgstudy.analysis.common.names import (
    ACCEPTANCE,
    CLAIMS,
    figure_names,
    paper_figure_names,
)
from pgstudy.analysis.common.needed import Missing, need
from pgstudy.analysis.report.captions import captions
from pgstudy.experiment.provenance.identity import utc
from pgstudy.experiment.store.provenance import FACTS, facts
from pgstudy.experiment.store.study_folder import StudyFolder

MADE, SUMMARY = "made.json", "summary.csv"
MADE_BY = ("git", "cpu", "python", "torch", "numpy", "gymnasium")


@dataclass(frozen=True)
class StudyRecord:
    """A study's small files, by name, and its pictures, by the name of the figure."""

    study: str
    files: Mapping[str, bytes]
    pictures: Mapping[str, bytes]

    @property
    def made(self) -> dict[str, Any]:
        """How the runs were made: made.json."""
        found: dict[str, Any] = json.loads(self._file(MADE))
        return found

    def table(self, name: str) -> pd.DataFrame:
        """A table by its file's name. Errors: Missing."""
        schema = SCHEMAS[name.removesuffix(".csv")]
        return read_csv(io.BytesIO(self._file(name)), schema)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self.files

    def _file(self, name: str) -> bytes:
        if name not in self.files:
            raise Missing(f"what is kept of study {self.study} has no {name}")
        return self.files[name]


def kept(data: Path, study: str) -> StudyRecord:
    """What docs/data/<study>/ holds. Errors: Missing."""
    folder = data / study
    if not (folder / MADE).is_file():
        raise Missing(
            f"{folder / MADE} is missing; write it with "
            f"`pgstudy document ... --study results/{study}/study.json`"
        )
    files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    return StudyRecord(study, files, {})


def record(made_of: StudyFolder) -> StudyRecord:
    """What is worth keeping of a study's results. Errors: Missing."""
    study, folder = made_of.study, made_of.path
    files = {SUMMARY: _content(folder, f"tables/{SUMMARY}", "tables")}
    for name, command in ((CLAIMS, "claims"), (ACCEPTANCE, "compare")):
        if (folder / name).is_file():
            files[name] = _content(folder, name, command)
    drawn = [(name, "figures") for name in figure_names(study)]
    drawn += [(name, "paper") for name in paper_figure_names(study)]
    for name in TRADEOFFS if study.tradeoff else ():
        files[f"{name}.csv"] = _content(folder, f"law/{name}.csv", "law")
    pictures = {
        name: _content(folder, f"{place}/{name}.png", place)
        for name, place in drawn
        if (folder / place / f"{name}.png").is_file()
    }
    made = _made(made_of) | {
        "captions": {caption.name: caption.text for caption in captions(study)},
        "pictures": {name: digest(data) for name, data in sorted(pictures.items())},
    }
    files[MADE] = (json.dumps(made, indent=1, sort_keys=True) + "\n").encode()
    return StudyRecord(study.name, files, pictures)


def _content(folder: Path, name: str, command: str) -> bytes:
    need(folder, name, command)
    return (folder / name).read_bytes()


def digest(data: bytes) -> str:
    """SHA-256, as made.json has it of each picture."""
    return hashlib.sha256(data).hexdigest()


def _made(made_of: StudyFolder) -> dict[str, Any]:
    study = made_of.study
    runs = made_of.runs
    records = [record for run in runs if (record := run.record())]
    if not records:
        raise Missing(f"no run of study {study.name} is there; snakemake makes them")
    known = facts(runs)
    end = max(record.ended for record in records)
    return {
        "study": study.name,
        "seeds": len(study.seeds),
        "runs": len(study.cells) * len(study.seeds),
        "finished": sum(run.status() == "finished" for run in runs),
        "first_start": utc(min(record.started for record in records)),
        "last_end": utc(end),
        "training_seconds": round(sum(record.seconds for record in records)),
        **{
            key: [fact.value for fact in known if fact.name == FACTS[key]]
            for key in MADE_BY
        },
    }
