"""Everything that is made of a study's runs, step by step, below results/<study>/.

Each step reads the run store or what earlier steps wrote. The workflow's rules call
them one by one, `partial_report` and `snakemake verify` all of them elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pgstudy.analysis import aggregates, tuning
from pgstudy.analysis.aggregates import Aggregates
from pgstudy.analysis.names import GRADIENT_COLUMNS, figure_names, paper_figure_names
from pgstudy.analysis.tables import NAMES, Tables, build, csv_writer
from pgstudy.experiment.runs import Store, write_atomically
from pgstudy.experiment.study import Study, folder_name
from pgstudy.experiment.tuning import RULE, tuning_study

ACCEPTANCE, CLAIMS, TRACKED = "acceptance.csv", "claims.csv", "tracked.json"
# Of its columns: texts may look like numbers or be empty, numbers may be missing.
TEXT = ("item", "id", "kind", "cell", "quantity", "why", "verdict", "reason")
COUNTS = ("runs", "finished", "stuck")
NUMBERS = ("value", "below", "tolerance", "ours", "low", "high", *COUNTS)
# A label such as "none" or "1" is text, not a missing value or a number.
LABELS = ("environment", "at", "policy", "estimator", "claim", "quantity", "figure")
TABLE: Any = {
    "keep_default_na": False, "na_values": [""], "dtype": dict.fromkeys(LABELS, str),
}  # fmt: skip
Step = Callable[[Store, Study, Path], None]


class Missing(RuntimeError):
    """What a step needs is not there; the message names the command that makes it."""


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


def measure_gradients(
    store: Store, study: Study, folder: Path, environment: str
) -> None:
    """The same for one environment."""
    from pgstudy.analysis.gradient_noise import measure  # imports torch

    table = measure(store, study, environment)
    write_atomically(gradients_file(folder, environment), csv_writer(table))


def claims(store: Store, study: Study, folder: Path) -> None:
    """Tables and gradients -> claims.csv."""
    from pgstudy.analysis.claims import build as claim

    read, beside = read_tables(store, study, folder), read_aggregates(folder)
    measured = read_gradients(study, folder)
    table = claim(study, read, beside, measured, _read_tuning(store, study))
    write_atomically(folder / CLAIMS, csv_writer(table))


def films(store: Store, study: Study, folder: Path) -> None:
    """Policies -> films/: the worst, the median and the best run, filmed."""
    from pgstudy.analysis.films import write  # imports torch and pygame

    write(store, study, read_tables(store, study, folder), folder / "films")


def comparison(store: Store, study: Study, folder: Path) -> None:
    """Runs -> acceptance.csv, if the study names published values."""
    from pgstudy.analysis.acceptance import compare

    if study.published:
        table = compare(store, study)
        write_atomically(folder / ACCEPTANCE, csv_writer(table))


def figures(store: Store, study: Study, folder: Path) -> None:
    """Tables -> figures/."""
    from pgstudy.analysis.drawing import Source, draw  # imports matplotlib

    source = Source(
        study,
        read_tables(store, study, folder),
        read_aggregates(folder),
        read_gradients(study, folder),
        _read_tuning(store, study),
    )
    draw(source, folder / "figures")


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
    _need(folder / CLAIMS, "claims")
    contents = Contents(
        tables=read,
        aggregates=read_aggregates(folder),
        gradients=read_gradients(study, folder),
        claims=pd.read_csv(folder / CLAIMS, **TABLE),
        acceptance=read_acceptance(store, study, folder),
        verified=verification.line(folder),
        made=facts(runs),
        films=read_films(folder),
        tracked=_read_json(folder / TRACKED, {}),
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


def read_tables(store: Store, study: Study, folder: Path) -> Tables:
    """The tables that are there. Errors: Missing."""
    for name in NAMES:
        _need(folder / "tables" / f"{name}.csv", "tables")
    return Tables.read(folder / "tables")


def _read_tuning(store: Store, study: Study) -> Tables | None:
    """The tables of the study that chose this one's step sizes. Errors: Missing."""
    if not study.tune_seeds:
        return None
    return read_tables(store, study, store.results / tuning_study(study).name)


def read_aggregates(folder: Path) -> Aggregates:
    """What `tables` wrote of cells beside cells. Errors: Missing."""
    _need(folder / "tables" / "pairs.csv", "tables")
    return Aggregates.read(folder / "tables")


def read_films(folder: Path) -> list[dict[str, Any]]:
    """The entries of films.json, each with its `data`; none if no film was made."""
    entries: list[dict[str, Any]] = _read_json(folder / "films" / "films.json", [])
    return [
        entry | {"data": (folder / "films" / entry["file"]).read_bytes()}
        if entry.get("file")
        else entry
        for entry in entries
    ]


def _read_json(file: Path, otherwise: Any) -> Any:
    return json.loads(file.read_text("utf-8")) if file.is_file() else otherwise


def gradients_file(folder: Path, environment: str) -> Path:
    """Where the measurements of an environment's gradients are."""
    return folder / "gradients" / f"{folder_name(environment)}.csv"


def read_gradients(study: Study, folder: Path) -> pd.DataFrame:
    """The measurements of all environments; no rows where the study has none.

    Errors: Missing.
    """
    tables = [pd.DataFrame(columns=GRADIENT_COLUMNS)]
    for environment in study.environments if study.gradients is not None else ():
        file = gradients_file(folder, environment)
        _need(file, "gradients")
        tables.append(pd.read_csv(file, **TABLE))
    return pd.concat(tables[-len(study.environments) :] if tables[1:] else tables)


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
