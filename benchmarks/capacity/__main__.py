"""Measure, simulate, and write the page; see the package."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.capacity import (
    durations,
    growth,
    page,
    simulate,
    starts,
    store,
    submissions,
    tables,
    tracking,
)
from pgstudy.experiment.provenance import git
from pgstudy.experiment.provenance.identity import describe

PARTS = {
    "durations": durations.durations,
    "operations": store.operations,
    "training": store.while_it_trains,
    "starts": lambda folder: starts.starts(folder, (1000, 10_000, 100_000)),
    "memory": starts.memory,
    "growth": lambda folder: growth.growth(folder, (1000, 3000, 10_000, 30_000)),
    "tables": lambda folder: growth.tables(folder, (300, 1000, 3000)),
    "entries": lambda folder: tracking.entries(folder, 200),
    "submissions": submissions.submissions,
}


def measure(names):
    """All parts, or those that are named; each is written as soon as it is known."""
    for name in names or PARTS:
        folder = Path(tempfile.mkdtemp())
        try:
            value = PARTS[name](folder)
        finally:
            shutil.rmtree(folder)
        made = {"commit": git.commit_text(git.state()), "cpu": describe()["cpu"]}
        known = page.read(page.MEASURED) if page.MEASURED.exists() else {"made": {}}
        known["made"][name] = made
        keep(page.MEASURED, known | {name: value})


def keep(file, data):
    """Numbers to four digits."""

    def short(value):
        if isinstance(value, dict):
            return {key: short(item) for key, item in value.items()}
        if isinstance(value, list):
            return [short(item) for item in value]
        return float(f"{value:.4g}") if isinstance(value, float) else value

    file.write_text(json.dumps(short(data), indent=1, sort_keys=True) + "\n")


def main(command, *names):
    if command == "measure":
        measure(names)
    elif command == "simulate":
        keep(page.SIMULATED, simulate.simulated(page.read(page.MEASURED)))
    elif command == "write":
        page.PAGE.write_text(page.filled(page.PAGE.read_text(), tables.BLOCKS))
    else:
        sys.exit("measure [PART ...], simulate or write")


if __name__ == "__main__":
    main(*(sys.argv[1:] or [""]))
