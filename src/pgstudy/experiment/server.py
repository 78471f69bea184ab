"""The MLflow UI on this machine only, opened in the view that shows the runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from pgstudy.experiment import tracking  # before mlflow: it sets its bounds

from mlflow import MlflowClient  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip
from sqlalchemy.exc import SQLAlchemyError  # isort: skip

HOST = "127.0.0.1"


class ServerError(RuntimeError):
    """The UI can't be started; the message says why."""


def links(results: Path, base: str) -> list[str]:
    """One link per experiment. Errors: ServerError.

    Without the query MLflow opens its view for GenAI.
    """
    uri = tracking.tracking_uri(results)
    try:
        found = MlflowClient(uri).search_experiments()
    except (MlflowException, SQLAlchemyError) as error:
        raise ServerError(f"MLflow at {uri} can't be used: {error}") from None
    return [
        f"{base}/#/experiments/{e.experiment_id}?workflowType=machine_learning"
        for e in found
        if e.name != "Default"
    ]


def serve(results: Path, port: int) -> None:
    """Run `mlflow server` until it ends. Errors: ServerError."""
    uri = tracking.tracking_uri(results)
    own = not os.environ.get("MLFLOW_TRACKING_URI")
    if own and not (results / "mlflow.db").exists():
        raise ServerError(f"nothing is tracked in {results} yet; run snakemake first")
    if uri.startswith("http"):
        print("\n".join(links(results, uri)), flush=True)
        return
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise ServerError(f"port {port} is taken; choose another with --port")
    for link in links(results, f"http://{HOST}:{port}"):
        print(link, flush=True)
    artifacts = (results.resolve() / "mlartifacts").as_uri()
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST]
    command += ["--port", str(port), "--backend-store-uri", uri, "--workers", "1"]
    try:
        subprocess.run([*command, "--default-artifact-root", artifacts], check=False)
    except KeyboardInterrupt:
        print("stopped")
