"""What planning costs over a large study that is complete.

`python -m benchmarks.planning 10000 100000` prints a table; `make bench` measures the
first of them. A run of each cell is trained, and the others are copies of its files,
each with a `run.json` of its own. Products are empty files, which planning takes as
they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import yaml

from benchmarks.pipeline import ROOT, large, run_measured
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store import digests
from pgstudy.experiment.store.runs import FILES, Store
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.study.study_file import STUDY_FILE, Plan, write_plan
from pgstudy.experiment.system.files import write_json
from pgstudy.experiment.tracking.mirror import RECEIPT
from pgstudy.experiment.training.block import train_block

GOALS = {10_000: "4 CPU-s, 150 MB", 100_000: "40 CPU-s"}  # of the last call
CALLS = {  # each finds that nothing is to be done
    "a dry run that sees them for the first time": ["-n"],
    "the call after it": [],
    "a dry run after that": ["-n"],
}


def command(folder, *arguments):
    call = ["snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile"), *arguments]
    return [*call, "-d", str(folder), "--configfile", str(folder / "big.yaml")]


def make(folder, runs):
    """A study of so many complete runs, and files in the place of its products."""
    (folder / "big.yaml").write_text(yaml.safe_dump(large(runs)))
    study, store = load_study(large(runs)), Store(folder / "results")
    with mock.patch("os.fsync"):  # nobody needs these files after a crash
        for cell in study.cells:
            copy_runs(store, cell, study.seeds)
        for block in study.blocks():
            assert store.settle(block) == []
    path = store.results / study.name
    with digests.recording(path, "plan"):
        write_plan(path / STUDY_FILE, Plan(study))
    with digests.recording(path, "track"):
        write_json(path / RECEIPT, {"runs": {}})
    touch_products(folder, path)


def copy_runs(store, cell, seeds):
    """Train the first run of a cell; the others get its files."""
    first, *others = (store.run(cell, seed) for seed in seeds)
    assert train_block(store, Block(cell, seeds[:1])) == []
    record = first.record()
    for run in others:
        run.folder.mkdir(parents=True)
        for name in FILES:
            shutil.copyfile(first.folder / name, run.folder / name)
        run.write_record(replace(record, seed=run.seed, key=run.key))


def touch_products(folder, path):
    """Those that Snakemake lists, all with one time."""
    listed = subprocess.check_output(command(folder, "--summary"), cwd=ROOT, text=True)
    names = {line.split("\t")[0] for line in listed.splitlines()[1:]}
    now = path.stat().st_mtime
    for file in (folder / name for name in names):
        if file.is_relative_to(path):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            os.utime(file, (now, now))


def planning(folder, runs=10_000):
    make(folder, runs)
    for name, arguments in CALLS.items():
        _, cpu, memory = run_measured(command(folder, *arguments), ROOT)
        yield f"{runs:,} complete runs: {name}", f"{cpu:.1f} CPU-s, {memory:.0f} MB"


MEASURES = (planning,)


def main(counts):
    print("| what | measured | goal |\n|---|---|---|")
    for count in counts:
        folder = Path(tempfile.mkdtemp())
        try:
            for name, value in planning(folder, count):
                goal = GOALS.get(count, "") if name.endswith([*CALLS][-1]) else ""
                print(f"| {name} | {value} | {goal} |", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main(list(map(int, sys.argv[1:])) or [10_000])
