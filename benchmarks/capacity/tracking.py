"""What an entry in MLflow costs, in SQLite and on a server with PostgreSQL."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from unittest import mock

import psutil

from benchmarks.pipeline import config, fake_runs, run_measured
from pgstudy.experiment.config.loading import load_study
from tests.experiment.servers import Server, postgresql


def entries(folder, runs):
    """CPU-seconds and bytes of the database, of an entry in each kind of store."""
    with mock.patch("os.fsync"):  # nobody needs these files after a crash
        file = fake_runs(folder, load_study(config(seeds=runs, sample_counts=[1])))
    command = ["pgstudy", "track", str(file)]
    cpu = upload(command, folder)
    held = (folder / "results/mlflow.db").stat().st_size
    return {
        "sqlite": {"cpu": cpu / runs, "bytes": held / runs},
        "postgresql": served(command, runs),
    }


def served(command, runs):
    """The same of uploader, server and database together."""
    with postgresql() as backend, tempfile.TemporaryDirectory() as place:
        empty = size(backend)
        with Server(backend, Path(place) / "artifacts", workers=4) as server:
            there = [psutil.Process(server.process.pid), postmaster(backend)]
            before = sum(map(used, there))
            line = ["env", f"MLFLOW_TRACKING_URI={server.uri}", *command]
            cpu = upload(line, place) + sum(map(used, there)) - before
        return {"cpu": cpu / runs, "bytes": (size(backend) - empty) / runs}


def upload(command, place):
    """CPU-seconds of the first sync beyond those of one that finds all there."""
    first, again = (run_measured(command, place)[1] for _ in range(2))
    return first - again


def postmaster(backend):
    """The process of PostgreSQL that listens at an address."""
    port = backend.rpartition(":")[2].partition("/")[0]
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres" and port in process.info["cmdline"]:
            return process
    raise AssertionError("PostgreSQL does not run")


def used(process):
    """CPU-seconds of a process and its children, those that ended included."""
    everybody = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:4]) for one in everybody)


def size(backend):
    """Bytes of a database of PostgreSQL."""
    query = "select pg_database_size(current_database())"
    address = backend.replace("+psycopg2", "")
    text = subprocess.check_output(["psql", "-tA", "-c", query, address], text=True)
    return int(text)
