"""Tables and acceptance.csv -> paper/."""

from __future__ import annotations

from pgstudy.analysis.figures import published
from pgstudy.analysis.outputs import read_acceptance, read_tables
from pgstudy.analysis.report import latex
from pgstudy.experiment.store.study_folder import StudyFolder


def paper(folder: StudyFolder) -> None:
    """Figures at column width, numbers.tex and table.tex."""
    tables, acceptance = read_tables(folder), read_acceptance(folder)
    published.draw(folder.study, tables, folder.path / "paper")
    latex.write(folder.study, tables, acceptance, folder.path / "paper")
