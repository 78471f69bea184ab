"""Everything that is made of a study's runs, step by step, below results/<study>/.

Each step reads the run store or what earlier steps wrote, and records what it writes
(`experiment.digests`). The workflow's rules call them one by one, `partial_report` and
`snakemake verify` all of them elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pgstudy.analysis import aggregates, tuning
from pgstudy.analysis.names import figure_names, paper_figure_names
from pgstudy.analysis.reading import (
    ACCEPTANCE,
    CLAIMS,
    TRACKED,
    gradients_file,
    need,
    read_acceptance,
    read_aggregates,
    read_claims,
    read_films,
    read_gradients,
    read_json,
    read_tables,
    read_tuning,
)
from pgstudy.analysis.tables import build
from pgstudy.analysis.tabular import csv_writer
from pgstudy.experiment.digests import recording
from pgstudy.experiment.files import write_atomically
from pgstudy.experiment.runs import Store
from pgstudy.experiment.study import Study, folder_name
from pgstudy.experiment.tuning import RULE

Step = Callable[[Store, Study, Path], None]


def recorded(step: Callable[..., None]) -> Callable[..., None]:
    """A step that records what it writes; it has a record for each further argument."""

    @functools.wraps(step)
    def call(store: Store, study: Study, folder: Path, *more: str) -> None:
        name = "-".join([step.__name__, *map(folder_name, more)])
        with recording(folder, name):
            step(store, study, folder, *more)

    return call


@recorded
def tables(store: Store, study: Study, folder: Path) -> None:
    """Runs -> tables/."""
    made = build(store, study)
    made.write(folder / "tables")
    aggregates.build(study, made).write(folder / "tables")


def chosen(store: Store, study: Study, folder: Path) -> dict[str, Any]:
    """What a tuning study chooses, with the rule. Errors: Missing."""
    sizes = tuning.chosen(study, read_tables(store, study, folder))
    return {"rule": RULE, "seeds": list(study.seeds), "chosen": sizes}


def gradients(store: Store, study: Study, folder: Path) -> None:
    """Saved policies -> gradients/, a table per environment, if the study says so."""
    for environment in study.environments if study.gradients is not None else ():
        measure_gradients(store, study, folder, environment)


@recorded
def measure_gradients(
    store: Store, study: Study, folder: Path, environment: str
) -> None:
    """The same for one environment."""
    from pgstudy.analysis.gradient_noise import measure  # imports torch

    table = measure(store, study, environment)
    write_atomically(gradients_file(folder, environment), csv_writer(table))


@recorded
def claims(store: Store, study: Study, folder: Path) -> None:
    """Tables and gradients -> claims.csv."""
    from pgstudy.analysis.claims import build as claim

    read, beside = read_tables(store, study, folder), read_aggregates(folder)
    measured = read_gradients(study, folder)
    table = claim(study, read, beside, measured, read_tuning(store, study))
    write_atomically(folder / CLAIMS, csv_writer(table))


@recorded
def films(store: Store, study: Study, folder: Path) -> None:
    """Policies -> films/: the worst, the median and the best run, filmed."""
    from pgstudy.analysis.films import write  # imports torch and pygame

    write(store, study, read_tables(store, study, folder), folder / "films")


@recorded
def comparison(store: Store, study: Study, folder: Path) -> None:
    """Runs -> acceptance.csv, if the study names published values."""
    from pgstudy.analysis.acceptance import compare

    if study.published:
        table = compare(store, study)
        write_atomically(folder / ACCEPTANCE, csv_writer(table))


@recorded
def figures(store: Store, study: Study, folder: Path) -> None:
    """Tables -> figures/."""
    from pgstudy.analysis.drawing import Source, draw  # imports matplotlib

    source = Source(
        study,
        read_tables(store, study, folder),
        read_aggregates(folder),
        read_gradients(study, folder),
        read_tuning(store, study),
    )
    draw(source, folder / "figures")


@recorded
def paper(store: Store, study: Study, folder: Path) -> None:
    """Tables and acceptance.csv -> paper/."""
    from pgstudy.analysis import latex, paper_figures  # imports matplotlib

    read = read_tables(store, study, folder)
    acceptance = read_acceptance(store, study, folder)
    paper_figures.draw(study, read, folder / "paper")
    latex.write(study, read, acceptance, folder / "paper")


@recorded
def report(store: Store, study: Study, folder: Path) -> None:
    """All of that -> report.html."""
    from pgstudy.analysis import verification
    from pgstudy.analysis.makings import facts, notes
    from pgstudy.analysis.report import Contents, write

    read = read_tables(store, study, folder)
    for name in figure_names(study):
        need(folder, f"figures/{name}.png", "figures")
    for name in paper_figure_names(study) if study.published else []:
        need(folder, f"paper/{name}.png", "paper")
    contents = Contents(
        tables=read,
        aggregates=read_aggregates(folder),
        gradients=read_gradients(study, folder),
        claims=read_claims(folder),
        acceptance=read_acceptance(store, study, folder),
        edges=tuning.at_edge(study, read_tuning(store, study)),
        verified=verification.line(folder),
        made=facts(store.every_run(study)),
        notes=notes(store.every_run(study)),
        films=read_films(folder),
        tracked=read_json(folder, TRACKED, {}, "track"),
    )
    write(study, contents, folder)


STEPS: tuple[Step, ...] = (
    tables, gradients, claims, comparison, figures, paper, films, report,
)  # fmt: skip


def partial(store: Store, study: Study, folder: Path) -> Path:
    """Everything from what there is, below partial/. Returns the report."""
    for step in STEPS:
        step(store, study, folder / "partial")
    return folder / "partial" / "report.html"
