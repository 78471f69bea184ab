"""Uploads to a server for a group: `mlflow server` on PostgreSQL, both on this machine.

`python -m benchmarks.group 200` prints a table; the argument is the number of runs, and
those behind it the server's processes. Uploader, server and database share the cores.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

from benchmarks.pipeline import config, fake_runs, run_measured
from pgstudy.experiment.config.loading import load_study
from tests.experiment.servers import Server, postgresql


def upload(folder, backend, runs, workers):
    """Rows of the first sync and of one that finds all there."""
    with mock.patch("os.fsync"):  # nobody needs these files after a crash
        file = fake_runs(folder, load_study(config(seeds=runs, sample_counts=[1])))
    served = Server(backend, folder / "artifacts", workers=workers)
    with served, tempfile.TemporaryDirectory() as place:
        command = ["env", f"MLFLOW_TRACKING_URI={served.uri}", "pgstudy", "track"]
        for name in ("new", "once more"):
            wall, cpu, _ = run_measured([*command, str(file)], place)
            what = f"{runs} runs, {workers} server processes, {name}"
            yield what, f"{wall:.1f} s, {cpu:.1f} CPU-s of the uploader"


def main(runs, workers):
    print(f"{os.cpu_count()} cores\n\n| what | measured |\n|---|---|")
    for count in workers:
        with tempfile.TemporaryDirectory() as folder, postgresql() as backend:
            for name, value in upload(Path(folder), backend, runs, count):
                print(f"| {name} | {value} |", flush=True)


if __name__ == "__main__":
    first, *others = map(int, sys.argv[1:] or ["200"])
    main(first, others or [4])
