"""Runs in the store that no config asks for any more."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from pgstudy.experiment.loading import load_study
from pgstudy.experiment.runs import RECORD, Store
from pgstudy.experiment.tuning import tuning_study


def wanted(configs: Iterable[Path], store: Store) -> set[Path]:
    """Folders of all runs that the config files ask for. Errors: ConfigError, OSError.

    A file that is no study, such as one of published values, asks for none.
    """
    folders = set()
    for file in configs:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
        if isinstance(raw, dict) and "study" in raw:
            study = load_study(raw)
            studies = [study, *([tuning_study(study)] if study.tune_seeds else [])]
            folders |= {run.folder for s in studies for run in store.every_run(s)}
    return folders


def stale(store: Store, keep: set[Path]) -> list[Path]:
    """Folders of runs in the store that are not among those to keep."""
    found = {path.parent for path in (store.results / "runs").rglob(RECORD)}
    return sorted(found - keep)


def remove(folders: Iterable[Path]) -> None:
    """Delete run folders, and the folders above them that are empty then."""
    for folder in folders:
        shutil.rmtree(folder)
        for above in list(folder.parents)[:3]:
            if not any(above.iterdir()):
                above.rmdir()
