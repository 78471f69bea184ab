"""A study, the store of its runs, and the folder of what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.tuning import tuning_study


@dataclass(frozen=True)
class StudyFolder:
    """results/<study>/, or a folder elsewhere that the same is made in again."""

    store: Store
    study: Study
    path: Path

    @property
    def tuning(self) -> StudyFolder | None:
        """The folder of the study that chose this one's learning rates, if one did."""
        if not self.study.tune_seeds:
            return None
        study = tuning_study(self.study)
        return StudyFolder(self.store, study, self.store.results / study.name)

    @property
    def runs(self) -> list[Run]:
        """The runs of the study, made or not, cell by cell."""
        return self.store.every_run(self.study)

    def complete(self) -> list[Run]:
        """Those of them whose numbers are all there."""
        return [run for run in self.runs if run.is_complete()]

    def at(self, path: Path) -> StudyFolder:
        """The same study and runs; what is made of them goes elsewhere."""
        return replace(self, path=path)
