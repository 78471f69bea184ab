"""The commands that the workflow's rules and a person by hand both call."""

from __future__ import annotations

import errno
import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pgstudy.experiment.config import ConfigError, repeated_keys, schema
from pgstudy.experiment.loading import NotAStudyFile, load_study, read_study
from pgstudy.experiment.runs import Store, write_json
from pgstudy.experiment.settings import settings_table
from pgstudy.experiment.study import Block, Study

app = typer.Typer(
    help="What does a policy-gradient estimate from N trajectories buy?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
runs_app = typer.Typer(help="The run store.", no_args_is_help=True)
app.add_typer(runs_app, name="runs")
capsule_app = typer.Typer(help="A study as one file.", no_args_is_help=True)
app.add_typer(capsule_app, name="capsule")
RESULTS = Path("results")
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
StudyFile = Annotated[Path, typer.Argument(help="results/<study>/study.json")]


class UserError(RuntimeError):
    """A mistake or trouble that its message explains; no traceback is shown."""


def main() -> None:
    """Entry point: an error meant for the user is one message and exit code 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except (ConfigError, UserError) as error:
        print(f"pgstudy: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK:
            raise
        where = f" ({error.filename})" if error.filename else ""
        cure = "mend that and call again; what is complete is kept"
        print(f"pgstudy: can't write{where}: {error.strerror}; {cure}", file=sys.stderr)
        sys.exit(1)


def _read(study_file: Path) -> Study:
    try:
        return read_study(study_file)
    except NotAStudyFile as error:
        raise UserError(str(error)) from None


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
    cells, tuning = len(study.cells), study.tune_seeds
    runs = f"{cells * len(study.seeds)} runs"
    if tuning:
        places = len({(c.environment, c.estimator, c.n) for c in study.cells})
        reported = places * len(study.seeds)
        runs = f"{cells * len(tuning)} runs to choose by, {reported} to report"
    print(f"{study.name}: {cells} cells, {runs}")
    for cell in study.left_out:
        print(f"left out: {cell.label}: {cell.reason}")


@app.command()
def settings() -> None:
    """Print every setting of a config file as the table of config/README.md."""
    print(settings_table(schema()))


@app.command()
def plan(
    config: Annotated[str, typer.Argument(help="a config as JSON")],
    chosen: Annotated[
        Path | None, typer.Option(help="what `pgstudy choose` wrote")
    ] = None,
    results: Path = RESULTS,
) -> None:
    """Write results/<study>/study.json, which the commands after training read."""
    study = load_study(json.loads(config))
    data = {
        "config": study.config,
        "left_out": [vars(c) for c in study.left_out],
        "published": {p.name: p.data for p in study.published},
    }
    if chosen is not None:
        data["chosen"] = json.loads(chosen.read_text(encoding="utf-8"))["chosen"]
    write_json(results / study.name / "study.json", data)


@app.command()
def choose(
    study_file: Annotated[Path, typer.Argument(help="of the tuning study")],
    output: Annotated[Path, typer.Argument(help="chosen.json")],
) -> None:
    """Choose a step size for each environment, estimator and N from the tables."""
    write_json(output, _make("chosen", study_file))


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
def track(
    study_file: StudyFile,
    later: Annotated[
        bool,
        typer.Option("--later", help="if MLflow can't be used, `tracked` fails"),
    ] = False,
) -> None:
    """Mirror the study's complete runs into MLflow; a second sync uploads nothing."""
    from pgstudy.experiment import tracking  # imports mlflow

    study, results = _read(study_file), _results(study_file)
    store = Store(results)
    runs = [store.run(cell, seed) for cell in study.cells for seed in study.seeds]
    try:
        report = tracking.sync(results, study, [r for r in runs if r.is_complete()])
    except tracking.TrackingError as error:
        if not later:
            raise UserError(str(error)) from None
        write_json(study_file.with_name("tracked.json"), {"trouble": str(error)})
        print(f"MLflow: {error}")
        return
    write_json(study_file.with_name("tracked.json"), vars(report))
    print(
        f"MLflow: {report.uploaded} uploaded, {report.unchanged} unchanged, "
        f"{report.replaced} replaced"
    )


@app.command()
def tracked(
    receipt: Annotated[Path, typer.Argument(help="results/<study>/tracked.json")],
) -> None:
    """Fail if the last `track` could not upload the runs, and say why."""
    if trouble := json.loads(receipt.read_text(encoding="utf-8")).get("trouble"):
        raise UserError(trouble)


@app.command("check-tracking")
def check_tracking(
    study: Annotated[str, typer.Argument(help="its name")], results: Path = RESULTS
) -> None:
    """Say if the study's runs can't go to MLflow now; training needs none of it."""
    from pgstudy.experiment import tracking  # imports mlflow

    if trouble := tracking.trouble(results, study):
        print(f"training goes on, but its runs can't be uploaded: {trouble}")


@app.command()
def tables(study_file: StudyFile) -> None:
    """Write the tables of runs, curves, cells and pairs below tables/."""
    _make("tables", study_file)


@app.command()
def gradients(
    study_file: StudyFile,
    environment: Annotated[str, typer.Argument(help="all, if left out")] = "",
) -> None:
    """Measure gradient estimates at saved policies, and write gradients/."""
    from pgstudy.analysis import products  # imports torch

    if not environment:
        _make("gradients", study_file)
        return
    study, store = _read(study_file), Store(_results(study_file))
    products.measure_gradients(store, study, study_file.parent, environment)


@app.command()
def summary(study_file: StudyFile) -> None:
    """Print the summary of the tables in Markdown, a row per cell."""
    from pgstudy.analysis.markdown import summary_table

    print(summary_table(_make("read_tables", study_file).summary))


@app.command()
def claims(study_file: StudyFile) -> None:
    """Write claims.csv: what the tables and measurements say, with verdicts."""
    _make("claims", study_file)


@app.command()
def films(study_file: StudyFile) -> None:
    """Film the worst, the median and the best run of each environment."""
    _make("films", study_file)


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


@app.command("partial-report")
def partial_report(study_file: StudyFile) -> None:
    """Make everything from the runs that are there, below partial/."""
    print(f"partial report: {_make('partial', study_file)}")


@app.command()
def verify(study_file: StudyFile) -> None:
    """Train a sample of runs again and make all files again; compare every bit."""
    from pgstudy.analysis import verification

    study, store = _read(study_file), Store(_results(study_file))
    found = verification.verify(store, study, study_file.parent)
    print(f"verified: {found.summary}")
    if found.faults:
        raise UserError("not what was made before:\n  " + "\n  ".join(found.faults))


@capsule_app.command("pack")
def pack_capsule(study_file: StudyFile) -> None:
    """Pack config, code, lock, runs and results into capsule.zip, an RO-Crate."""
    from pgstudy.analysis.capsule import pack

    study, store = _read(study_file), Store(_results(study_file))
    print(f"capsule: {pack(store, study, study_file.parent)}")


@capsule_app.command("check")
def check_capsule(file: Annotated[Path, typer.Argument(help="capsule.zip")]) -> None:
    """Verify every checksum of a capsule and derive its tables once more."""
    from pgstudy.analysis.capsule import DamagedCapsule, check

    try:
        print(check(file))
    except DamagedCapsule as error:
        raise UserError(str(error)) from None


@app.command()
def doctor(study_file: StudyFile) -> None:
    """Compare this machine with what a study's runs were made on."""
    from pgstudy.experiment.doctor import differences

    study, store = _read(study_file), Store(_results(study_file))
    runs = [run for block in study.blocks() for run in store.runs(block)]
    complete = sum(run.is_complete() for run in runs)
    print(f"{study.name}: {complete} of {len(runs)} runs are here, current and sound")
    for line in differences(runs) or ["they were made on a machine like this one"]:
        print(line)


@app.command()
def progress(
    results: Path = RESULTS,
    follow: Annotated[
        bool, typer.Option("--follow", help="until the snakemake call ends")
    ] = False,
) -> None:
    """Say how far each run that trains now is, and the whole study."""
    from pgstudy.experiment import live

    if follow:
        live.follow(results, sys.stderr)
    else:
        print("\n".join(live.lines(results)))


@runs_app.command()
def prune(
    config: Annotated[
        list[Path] | None, typer.Option(help="also keep what this file asks for")
    ] = None,
    results: Path = RESULTS,
    yes: Annotated[bool, typer.Option("--yes", help="remove them")] = False,
) -> None:
    """List the runs that no file in config/ asks for; with --yes, remove them."""
    from pgstudy.experiment import pruning

    store, files = Store(results), sorted(Path("config").rglob("*.yaml"))
    if not files:
        raise UserError("there is no config/ here; call this in the project's folder")
    stale = pruning.stale(store, pruning.wanted([*files, *(config or [])], store))
    for folder in stale:
        print(folder)
    if yes:
        pruning.remove(stale)
    verb = "removed" if yes else "no config asks for them; --yes removes them"
    print(f"{len(stale)} runs: {verb}")


@app.command()
def ui(results: Path = RESULTS, port: int = 5000) -> None:
    """Serve MLflow on loopback until interrupted, and print the link to open."""
    from pgstudy.experiment import server  # imports mlflow

    try:
        server.serve(results, port)
    except server.ServerError as error:
        raise UserError(str(error)) from None
