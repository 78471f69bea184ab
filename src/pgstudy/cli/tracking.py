"""The runs in MLflow: upload them, and serve its UI."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from pgstudy.cli.common import RESULTS, StudyFile, UserError, app, opened
from pgstudy.experiment.store.digests import recording
from pgstudy.experiment.system.files import write_json
from pgstudy.experiment.tracking import mirror


@app.command()
def track(
    study_file: StudyFile,
    later: Annotated[
        bool,
        typer.Option("--later", help="if MLflow can't be used, `tracked` fails"),
    ] = False,
) -> None:
    """Upload the complete runs that MLflow does not have yet."""
    from pgstudy.experiment.tracking import experiments, upload  # imports mlflow

    folder = opened(study_file)
    try:
        report = upload.sync(folder, folder.complete())
    except experiments.TrackingError as error:
        if not later:
            raise UserError(str(error)) from None
        _write_receipt(study_file.parent, {"trouble": str(error)})
        print(f"MLflow: {error}")
        return
    _write_receipt(study_file.parent, vars(report))
    print(
        f"MLflow: {report.uploaded} uploaded, {report.unchanged} unchanged, "
        f"{report.replaced} replaced"
    )


def _write_receipt(folder: Path, data: dict[str, Any]) -> None:
    with recording(folder, "track"):
        write_json(folder / mirror.RECEIPT, data)


@app.command()
def tracked(study_file: StudyFile) -> None:
    """Upload the study's report, figures and numbers as a run of their own.

    Fails if the last `track` could not upload the runs, and says why.
    """
    if trouble := mirror.trouble(study_file.parent / mirror.RECEIPT):
        raise UserError(trouble)
    from pgstudy.experiment.tracking import experiments, study_entry  # imports mlflow

    try:
        done = study_entry.upload(opened(study_file))
    except experiments.TrackingError as error:
        raise UserError(str(error)) from None
    print(f"MLflow: the study's run is {done}")


@app.command("check-tracking")
def check_tracking(
    study: Annotated[str, typer.Argument(help="its name")], results: Path = RESULTS
) -> None:
    """Say so if MLflow can't take the runs; training does not need it."""
    from pgstudy.experiment.tracking import experiments  # imports mlflow

    if trouble := experiments.trouble(results, study):
        print(f"training goes on, but its runs can't be uploaded: {trouble}")


@app.command()
def ui(
    results: Path = RESULTS,
    port: Annotated[int, typer.Option(min=0, max=65535)] = 5000,
) -> None:
    """Serve MLflow on this machine and print the link to open."""
    # what a handler raises in an import may be lost there, and nothing is to undo yet
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    from pgstudy.experiment.tracking import server  # imports mlflow

    try:
        server.serve(results, port)
    except server.ServerError as error:
        raise UserError(str(error)) from None
