"""A study's runs as tables of pandas."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pgstudy.analysis.common import columns as common
from pgstudy.analysis.common.columns import Schema, names, of_type
from pgstudy.analysis.common.needed import not_what_was_written
from pgstudy.analysis.notebook import columns
from pgstudy.analysis.notebook.columns import tidy
from pgstudy.analysis.notebook.errors import CantBeLoaded
from pgstudy.analysis.tables.build import Tables, build
from pgstudy.experiment.store.digests import changed
from pgstudy.experiment.store.record import COMPLETE
from pgstudy.experiment.store.runs import EPISODES, UPDATES, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study_file import STUDY_FILE, NotAStudyFile, read_study


class LoadedStudy:
    """A study as it was planned, and its runs as they are now; see docs/tables.md.

    Each table is made from the runs' files when it is first asked for, so a study that
    is not through yet can be read, too. `folder`: of the study, its store and its plan.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<study {self.name} in {self.folder.path}>"

    @property
    def name(self) -> str:
        """As the config says."""
        return self.folder.study.name

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """A row per run that the study asks for, with its status, made or not."""
        folders = {run.key: str(run.folder) for run in self.folder.runs}
        found = self._tables.runs
        return tidy(found.assign(folder=found["key"].map(folders)), columns.RUNS)

    @functools.cached_property
    def summary(self) -> pd.DataFrame:
        """A row per cell, with intervals over its runs."""
        return tidy(self._tables.summary, common.SUMMARY)

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """Mean learning curves of the cells, with intervals, on shared bins."""
        return tidy(self._tables.curves, common.CURVES)

    @functools.cached_property
    def updates(self) -> pd.DataFrame:
        """A row per update of every run whose numbers are all there."""
        return self._of_runs(UPDATES, columns.OF_UPDATES)

    @functools.cached_property
    def episodes(self) -> pd.DataFrame:
        """A row per trajectory of their training."""
        return self._of_runs(EPISODES, columns.OF_EPISODES)

    @functools.cached_property
    def _tables(self) -> Tables:
        return build(self.folder.store, self.folder.study)

    def _of_runs(self, name: str, schema: Schema) -> pd.DataFrame:
        """A file of every complete run, one below the other, beside which run it is."""
        runs = self.runs[self.runs["status"].isin(COMPLETE)]
        read = [_table(Path(folder) / name) for folder in runs["folder"]]
        rows = pd.DataFrame(columns=names(schema))
        if read:
            rows = pa.concat_tables(read, promote_options="default").to_pandas()
        run = runs[names(columns.RUN)]
        run = run.astype(dict.fromkeys(of_type(columns.RUN, str), "category"))
        place = np.repeat(np.arange(len(runs)), [table.num_rows for table in read])
        beside = run.iloc[place].reset_index(drop=True)
        return pd.concat([beside, tidy(rows, schema)], axis=1)


def _table(file: Path) -> pa.Table:
    with pq.ParquetFile(file) as open_file:
        return open_file.read(use_threads=False)


def load_study(folder: str | os.PathLike[str]) -> LoadedStudy:
    """The study in results/<study>, or of its study.json.

    Its runs are those that were planned, with whatever code is here now.
    Errors: CantBeLoaded.
    """
    given = Path(folder)
    file = given / STUDY_FILE if given.is_dir() else given
    if not file.is_file():
        raise CantBeLoaded(f"{file} is not there; {_others(given)}")
    if changed(file.parent, file.name):
        raise CantBeLoaded(not_what_was_written(file, "plan"))
    try:
        study = read_study(file)
    except NotAStudyFile as error:
        raise CantBeLoaded(str(error)) from None
    store = Store(file.resolve().parents[1])
    return LoadedStudy(StudyFolder(store, study, file.parent))


def _others(given: Path) -> str:
    """What to give instead of a folder without a study."""
    places = (given, given.parent)
    found = sorted(f.parent for p in places for f in p.glob(f"*/{STUDY_FILE}"))
    if found:
        return f"studies nearby are {', '.join(map(str, found))}"
    return "a study's folder is results/<study>, which `pgstudy run CONFIG` makes"
