"""What an entry in MLflow costs, in SQLite and on a server with PostgreSQL."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from unittest import mock

from benchmarks.pipeline import config, fake_runs, run_measured
from pgstudy.experiment.config.loading import load_study
from tests.experiment.servers import Server, postgresql


def entries(folder, runs):
    """Wall seconds and CPU-seconds of the uploader, and bytes of the database."""
    with mock.patch("os.fsync"):  # nobody needs these files after a crash
        file = fake_runs(folder, load_study(config(seeds=runs, sample_counts=[1])))
    database = folder / "results/mlflow.db"
    found = {"sqlite": _each(["pgstudy", "track", str(file)], folder, runs)}
    found["sqlite"]["bytes"] = database.stat().st_size / runs
    with postgresql() as backend, tempfile.TemporaryDirectory() as place:
        empty = size(backend)
        with Server(backend, Path(place) / "artifacts", workers=4) as server:
            line = ["env", f"MLFLOW_TRACKING_URI={server.uri}", "pgstudy", "track"]
            found["postgresql"] = _each([*line, str(file)], place, runs)
        found["postgresql"]["bytes"] = (size(backend) - empty) / runs
    return found


def _each(command, place, runs):
    wall, cpu, _ = run_measured(command, place)
    again, cpu_again, _ = run_measured(command, place)
    return {
        "seconds": (wall - again) / runs,
        "cpu": (cpu - cpu_again) / runs,
        "look": again,
    }


def size(backend):
    """Bytes of a database of PostgreSQL."""
    query = "select pg_database_size(current_database())"
    address = backend.replace("+psycopg2", "")
    text = subprocess.check_output(["psql", "-tA", "-c", query, address], text=True)
    return int(text)
