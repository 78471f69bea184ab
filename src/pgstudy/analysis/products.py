"""Everything that is made of a study's runs, step by step, below results/<study>/.

Each step reads the run store or what earlier steps wrote. The workflow's rules call
them one by one, `partial_report` and `snakemake verify` all of them elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pgstudy.analysis.names import figure_names, paper_figure_names
from pgstudy.analysis.tables import Tables, build, csv_writer
from pgstudy.experiment.runs import Store, write_atomically
from pgstudy.experiment.study import Study

ACCEPTANCE = "acceptance.csv"
# Of its columns: texts may look like numbers or be empty, numbers may be missing.
TEXT = ("item", "id", "kind", "cell", "quantity", "why", "verdict", "reason")
COUNTS = ("runs", "finished", "stuck")
NUMBERS = ("value", "below", "tolerance", "ours", "low", "high", *COUNTS)
Step = Callable[[Store, Study, Path], None]


class Missing(RuntimeError):
    """What a step needs is not there; the message names the command that makes it."""


def tables(store: Store, study: Study, folder: Path) -> None:
    """Runs -> tables/runs.csv, curves.csv and summary.csv."""
    build(store, study).write(folder / "tables")


def comparison(store: Store, study: Study, folder: Path) -> None:
    """Runs -> acceptance.csv, if the study names published values."""
    from pgstudy.analysis.acceptance import compare

    if study.published:
        table = compare(store, study)
        write_atomically(folder / ACCEPTANCE, csv_writer(table))


def figures(store: Store, study: Study, folder: Path) -> None:
    """Tables -> figures/."""
    from pgstudy.analysis.figures import draw  # imports matplotlib

    draw(study, read_tables(store, study, folder), folder / "figures")


def paper(store: Store, study: Study, folder: Path) -> None:
    """Tables and acceptance.csv -> paper/."""
    from pgstudy.analysis import latex, paper_figures  # imports matplotlib

    read = read_tables(store, study, folder)
    acceptance = read_acceptance(store, study, folder)
    paper_figures.draw(study, read, folder / "paper")
    latex.write(study, read, acceptance, folder / "paper")


def report(store: Store, study: Study, folder: Path) -> None:
    """All of that -> report.html."""
    from pgstudy.analysis import verification
    from pgstudy.analysis.makings import facts
    from pgstudy.analysis.report import Contents, write

    read = read_tables(store, study, folder)
    for name in figure_names(study):
        _need(folder / "figures" / f"{name}.png", "figures")
    for name in paper_figure_names(study) if study.published else []:
        _need(folder / "paper" / f"{name}.png", "paper")
    runs = [store.run(cell, seed) for cell in study.cells for seed in study.seeds]
    contents = Contents(
        tables=read,
        acceptance=read_acceptance(store, study, folder),
        verified=verification.line(folder),
        made=facts(runs),
    )
    write(study, contents, folder)


STEPS: tuple[Step, ...] = (tables, comparison, figures, paper, report)


def partial(store: Store, study: Study, folder: Path) -> Path:
    """Everything from what there is, below partial/. Returns the report."""
    for step in STEPS:
        step(store, study, folder / "partial")
    return folder / "partial" / "report.html"


def read_tables(store: Store, study: Study, folder: Path) -> Tables:
    """The tables that are there. Errors: Missing."""
    for name in ("runs", "curves", "summary"):
        _need(folder / "tables" / f"{name}.csv", "tables")
    return Tables.read(folder / "tables")


def read_acceptance(store: Store, study: Study, folder: Path) -> pd.DataFrame | None:
    """What `comparison` wrote; None if nothing published is named. Errors: Missing."""
    if not study.published:
        return None
    _need(folder / ACCEPTANCE, "compare")
    table: pd.DataFrame = pd.read_csv(
        folder / ACCEPTANCE,
        keep_default_na=False,
        na_values={name: [""] for name in NUMBERS},
        dtype=dict.fromkeys(TEXT, str),
    )
    return table


def _need(file: Path, command: str) -> None:
    if not file.exists():
        raise Missing(f"{file} is missing; run `pgstudy {command}` first")
