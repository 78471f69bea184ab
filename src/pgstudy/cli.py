"""The commands that the workflow's rules and a person by hand both call."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pgstudy.experiment.config import ConfigError, repeated_keys, schema
from pgstudy.experiment.loading import load_study
from pgstudy.experiment.runs import Store, write_json
from pgstudy.experiment.settings import settings_table
from pgstudy.experiment.study import Block, Study

app = typer.Typer(
    help="What does a policy-gradient estimate from N trajectories buy?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
RESULTS = Path("results")
StudyFile = Annotated[Path, typer.Argument(help="results/<study>/study.json")]


class UserError(RuntimeError):
    """A mistake or trouble that its message explains; no traceback is shown."""


def main() -> None:
    """Entry point: an error meant for the user is one message and exit code 1."""
    try:
        app()
    except (ConfigError, UserError) as error:
        print(f"pgstudy: {error}", file=sys.stderr)
        sys.exit(1)


def _read(study_file: Path) -> Study:
    try:
        data = json.loads(study_file.read_text(encoding="utf-8"))
        return load_study(data["config"], (), data["published"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise UserError(
            f"{study_file} is not a study file ({error}); snakemake writes it to "
            "results/<study>/study.json"
        ) from None


def _results(study_file: Path) -> Path:
    """The results folder that a study file lies in: results/<study>/study.json."""
    return study_file.resolve().parents[1]


def _make(step: str, study_file: Path) -> Any:
    """One step of `analysis.products`, by its name."""
    from pgstudy.analysis import products  # imports pandas

    study, store = _read(study_file), Store(_results(study_file))
    try:
        return getattr(products, step)(store, study, study_file.parent)
    except products.Missing as error:
        raise UserError(str(error)) from None


@app.command()
def check(config: Annotated[Path, typer.Argument(help="a config file")]) -> None:
    """Check a config file and say what it asks for, without running anything."""
    try:
        raw = yaml.safe_load(config.read_text(encoding="utf-8"))
        repeated = repeated_keys(config)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{config} can't be read: {error}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{config} holds no keys and values")
    study = load_study(raw, repeated)
    runs = len(study.cells) * len(study.seeds)
    print(f"{study.name}: {len(study.cells)} cells, {runs} runs")
    for cell in study.left_out:
        print(f"left out: {cell.label}: {cell.reason}")


@app.command()
def settings() -> None:
    """Print every setting of a config file as the table of config/README.md."""
    print(settings_table(schema()))


@app.command()
def plan(
    config: Annotated[str, typer.Argument(help="a config as JSON")],
    results: Path = RESULTS,
) -> None:
    """Write results/<study>/study.json, which the commands after training read."""
    study = load_study(json.loads(config))
    write_json(
        results / study.name / "study.json",
        {
            "config": study.config,
            "left_out": [vars(c) for c in study.left_out],
            "published": {p.name: p.data for p in study.published},
        },
    )


@app.command()
def train(
    block: Annotated[str, typer.Argument(help="a block of runs as JSON")],
    results: Path = RESULTS,
) -> None:
    """Train the runs of a block that are not complete, then write its manifest."""
    store, wanted = Store(results), Block.from_dict(json.loads(block))
    if store.missing(wanted):
        from pgstudy.experiment.training import train_block  # imports torch

        failed = train_block(store, wanted)
        if failed:
            places = ", ".join(str(run.folder / "run.json") for run in failed)
            raise UserError(
                f"{len(failed)} of {len(wanted.seeds)} runs failed; the others are "
                f"kept, these are tried again next time. Tracebacks: {places}"
            )
    store.settle(wanted)


@app.command()
def track(study_file: StudyFile) -> None:
    """Mirror the study's complete runs into MLflow; a second sync uploads nothing."""
    from pgstudy.experiment import tracking  # imports mlflow

    study, results = _read(study_file), _results(study_file)
    store = Store(results)
    runs = [store.run(cell, seed) for cell in study.cells for seed in study.seeds]
    try:
        report = tracking.sync(results, study, [r for r in runs if r.is_complete()])
    except tracking.TrackingError as error:
        raise UserError(str(error)) from None
    write_json(study_file.with_name("tracked.json"), vars(report))
    print(
        f"MLflow: {report.uploaded} uploaded, {report.unchanged} unchanged, "
        f"{report.replaced} replaced"
    )


@app.command()
def tables(study_file: StudyFile) -> None:
    """Write runs.csv, curves.csv and summary.csv below tables/."""
    _make("tables", study_file)


@app.command()
def summary(study_file: StudyFile) -> None:
    """Print the summary of the tables in Markdown, a row per cell."""
    from pgstudy.analysis.markdown import summary_table

    print(summary_table(_make("read_tables", study_file).summary))


@app.command()
def compare(study_file: StudyFile) -> None:
    """Hold the runs against what is published, and write acceptance.csv."""
    _make("comparison", study_file)


@app.command()
def accept(study_file: StudyFile) -> None:
    """Print what `compare` found; an error if a value is outside its tolerance."""
    from pgstudy.analysis.acceptance import failures
    from pgstudy.analysis.markdown import acceptance_table

    acceptance = _make("read_acceptance", study_file)
    if acceptance is None:
        raise UserError("the study names no published values: the key is 'published'")
    print(acceptance_table(acceptance))
    if failed := failures(acceptance):
        raise UserError(
            f"{len(failed)} of {len(acceptance)} values are outside their tolerance: "
            + "; ".join(failed)
        )


@app.command()
def figures(study_file: StudyFile) -> None:
    """Draw the figures from the tables."""
    _make("figures", study_file)


@app.command()
def paper(study_file: StudyFile) -> None:
    """Write the paper set: figures at column width, numbers.tex and table.tex."""
    _make("paper", study_file)


@app.command()
def report(study_file: StudyFile) -> None:
    """Write report.html from the tables and figures."""
    _make("report", study_file)


@app.command()
def verify(study_file: StudyFile) -> None:
    """Make tables, figures, paper set and report again, and compare their bytes."""
    same = _make("remade", study_file)
    write_json(study_file.with_name("verification.json"), {"files": same})
    different = [name for name, is_same in same.items() if not is_same]
    if different:
        raise UserError(
            f"{len(different)} of {len(same)} files are not what these runs give: "
            + ", ".join(different)
        )
    print(f"verified: {len(same)} of {len(same)} files are made again to the last byte")


@app.command()
def ui(results: Path = RESULTS, port: int = 5000) -> None:
    """Serve MLflow on loopback until interrupted, and print the link to open."""
    from pgstudy.experiment import server  # imports mlflow

    try:
        server.serve(results, port)
    except server.ServerError as error:
        raise UserError(str(error)) from None
