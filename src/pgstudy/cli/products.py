"""What is made of the runs, step by step; see `analysis.steps`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgstudy.analysis.common.needed import Missing
from pgstudy.cli.common import StudyFile, UserError, app, make, opened, with_outputs
from pgstudy.experiment.store.study_folder import StudyFolder

Environment = Annotated[
    list[str] | None, typer.Argument(help="one of them; all, if left out")
]


@app.command()
def tables(study_file: StudyFile) -> None:
    """Write the tables of runs, curves, cells and pairs below tables/."""
    make("tables", study_file)


@app.command()
def measure(
    study_file: StudyFile,
    policy: Annotated[
        list[str] | None,
        typer.Argument(
            help="environment, estimator and start, middle or end; all, if left out"
        ),
    ] = None,
) -> None:
    """Measure gradient estimates at saved policies."""
    make("measure", study_file, *policy or [])


@app.command()
def gradients(study_file: StudyFile, environment: Environment = None) -> None:
    """Join what was measured to a table per environment, gradients/."""
    make("gradients", study_file, *environment or [])


@app.command()
def law(study_file: StudyFile) -> None:
    """Fit the law of a trade-off study, and write its tables below law/."""
    make("law", study_file)


@app.command()
def summary(study_file: StudyFile) -> None:
    """Print a table with a row per cell, in Markdown."""
    from pgstudy.analysis.outputs import read_tables
    from pgstudy.analysis.report.markdown import summary_table

    print(summary_table(with_outputs(read_tables, study_file).summary))


@app.command()
def advise(study_file: StudyFile) -> None:
    """Say which N and learning rate to use, by a trade-off study, and their price."""
    from pgstudy.analysis.documents.advice import advice_text
    from pgstudy.analysis.outputs import read_law, read_tables, read_tuning

    found = with_outputs(read_law, study_file)
    if found is None:
        raise UserError(
            f"{study_file} is of no trade-off study; a pilot has `tradeoff: {{}}` and "
            "two or more sample_counts, see docs/what-n-buys.md"
        )
    tables = [with_outputs(read, study_file) for read in (read_tables, read_tuning)]
    runs = [one.runs for one in tables if one is not None]
    print(advice_text(found, runs))


@app.command()
def claims(study_file: StudyFile) -> None:
    """Write claims.csv: what the tables and measurements say, with verdicts."""
    make("claims", study_file)


@app.command()
def proofs(study_file: StudyFile) -> None:
    """Write proofs.csv: bias and variance of each estimator, by enumeration."""
    make("proofs", study_file)


@app.command()
def recordings(study_file: StudyFile) -> None:
    """Record an episode each of an environment's worst, median and best run."""
    make("recordings", study_file)


@app.command()
def compare(study_file: StudyFile) -> None:
    """Hold the runs against what is published, and write acceptance.csv."""
    make("comparison", study_file)


@app.command()
def accept(study_file: StudyFile) -> None:
    """Print what `compare` found; an error if a value is outside its tolerance."""
    from pgstudy.analysis.claims.acceptance import failures
    from pgstudy.analysis.outputs import read_acceptance
    from pgstudy.analysis.report.markdown import acceptance_table

    acceptance = with_outputs(read_acceptance, study_file)
    if acceptance is None:
        raise UserError("the study names no published values: the key is 'published'")
    print(acceptance_table(acceptance))
    if failed := failures(acceptance):
        raise UserError(
            f"{len(failed)} of {len(acceptance)} values are outside their tolerance: "
            + "; ".join(failed)
        )


@app.command()
def figures(study_file: StudyFile, environment: Environment = None) -> None:
    """Draw figures from the tables; '' means those of all environments together."""
    make("figures", study_file, *environment or [])


@app.command()
def paper(study_file: StudyFile) -> None:
    """Write the paper set: figures at column width, numbers.tex and table.tex."""
    make("paper", study_file)


@app.command()
def report(study_file: StudyFile) -> None:
    """Write report.html from the tables and figures."""
    make("report", study_file)


@app.command("partial-report")
def partial_report(study_file: StudyFile) -> None:
    """Make everything from the runs that are there, below partial/."""
    from pgstudy.analysis import steps

    def partial(folder: StudyFolder) -> Path:
        steps.make_all(folder.at(folder.path / "partial"))
        return folder.path / "partial/report.html"

    print(f"partial report: {with_outputs(partial, study_file)}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="results/runs/.../seed<seed>-<key>")],
    folder: Annotated[Path, typer.Argument(help="a new one")],
) -> None:
    """Write a run's policy for a model hub: weights, config, model card, recording."""
    from pgstudy.analysis.notebook.errors import CantBeLoaded
    from pgstudy.analysis.notebook.export import export as write_policy

    try:
        write_policy(run, folder)
    except CantBeLoaded as error:
        raise UserError(str(error)) from None
    print(f"exported: {folder}")


@app.command()
def document(
    documents: Annotated[list[Path], typer.Argument(help="such as docs/*.md")],
    study: Annotated[
        list[Path] | None, typer.Option(help="results/<study>/study.json; repeatable")
    ] = None,
) -> None:
    """Write the numbers and pictures of documents from studies' results.

    The small files of each `--study` are copied to docs/data/ first.
    """
    from pgstudy.analysis.documents.documents import Faulty, write
    from pgstudy.analysis.documents.records import record

    if absent := [str(file) for file in documents if not file.is_file()]:
        raise UserError(f"no such document: {', '.join(absent)}")
    try:
        records = [record(opened(file)) for file in study or []]
        write(documents, {made.study: made for made in records})
    except (Faulty, Missing) as error:
        raise UserError(str(error)) from None
