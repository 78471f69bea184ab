"""Runs in the store that nothing asks for any more.

Who asks: the config files that are named, and each results/*/study.json. Nothing is
removed that a study may ask for which can't be read on this machine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgstudy.experiment.config import yaml_files
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.config.schema import examine
from pgstudy.experiment.store.record import RECORD
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import folder_name
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.study_file import STUDY_FILE, structured
from pgstudy.experiment.study.tuning import tuning_study
from pgstudy.experiment.system import places
from pgstudy.experiment.system.errors import ConfigError


class Unreadable(ValueError):
    """A file that may ask for runs and can't be read; the message says which."""


@dataclass
class Wanted:
    """What is asked for: run folders, and environments whose runs are all kept.

    environments: why, by label. An environment that can't be made here, such as one of
    an extra that is not installed, does not say which of its runs are current.
    """

    store: Store
    folders: set[Path] = field(default_factory=set)
    environments: dict[str, str] = field(default_factory=dict)

    def add(self, study: Study, source: Path) -> None:
        """All runs of a study, and of the one that chooses its learning rates."""
        studies = [study, *([tuning_study(study)] if study.tune_seeds else [])]
        for one in studies:
            self.folders |= {run.folder for run in self.store.every_run(one)}
        for cell in study.cells:
            if lacking := cell.identity.lacking():
                why = f"{source} asks for it, and {', '.join(lacking)} is not installed"
                self.environments.setdefault(cell.environment, why)

    def add_environments(
        self, raw: Mapping[str, Any], source: Path, why: object
    ) -> None:
        """All environments of a config that can't be resolved here."""
        for entry in raw["environments"]:
            label = entry.get("name", entry["id"])
            self.environments.setdefault(label, f"{source} asks for it: {why}")

    def keeps(self, folder: Path) -> bool:
        """Whether a run's folder is asked for, or may be."""
        above = folder.relative_to(self.store.results / places.RUNS).parts[0]
        kept = {folder_name(label) for label in self.environments}
        return folder in self.folders or above in kept


def wanted(files: Iterable[Path], store: Store) -> Wanted:
    """What config files and all study files below results/ ask for.

    A file that is no study, such as one of published values, asks for nothing.
    Errors: Unreadable.
    """
    asked = Wanted(store)
    for file in files:
        raw = _read_yaml(file)
        if isinstance(raw, dict) and "study" in raw:
            _add(asked, raw, file)
    for file in sorted(store.results.glob(f"*/{STUDY_FILE}")):
        try:
            plan = structured(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise Unreadable(f"{file} can't be read: {error}") from None
        # all its learning rates: those not chosen are the tuning study's runs
        asked.add(plan.study.now(), file)
    return asked


def _add(asked: Wanted, raw: Mapping[str, Any], file: Path) -> None:
    try:
        asked.add(load_study(raw), file)
    except ConfigError as error:
        if examine(raw)[2]:  # it is wrong wherever it is read
            raise Unreadable(f"{file}: {error}") from None
        asked.add_environments(raw, file, error.faults[0])
    except ValueError as error:
        raise Unreadable(f"{file}: {error}") from None


def _read_yaml(file: Path) -> Any:
    try:
        return yaml_files.read(file)[0]
    except ConfigError as error:
        raise Unreadable(error.faults[0]) from None


def stale(asked: Wanted) -> list[Path]:
    """Folders of runs in the store that nothing asks for."""
    found = {path.parent for path in (asked.store.results / places.RUNS).rglob(RECORD)}
    return sorted(folder for folder in found if not asked.keeps(folder))


def remove(folders: Iterable[Path]) -> None:
    """Delete run folders, and the folders above them that are empty then."""
    for folder in folders:
        shutil.rmtree(folder)
        for above in list(folder.parents)[:3]:
            if not any(above.iterdir()):
                above.rmdir()
