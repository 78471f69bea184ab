"""Measure, simulate, and write the page; see the package."""

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
    state = git.state()
    commit = f"{state['commit'][:10]}{'+' if state['dirty'] else ''}"
    for name in names or PARTS:
        folder = Path(tempfile.mkdtemp())
        try:
            value = PARTS[name](folder)
            known = page.read(page.MEASURED) if page.MEASURED.exists() else {"made": {}}
            known["made"][name] = {"commit": commit, "cpu": describe()["cpu"]}
            page.keep(page.MEASURED, known | {name: value})
        finally:
            shutil.rmtree(folder)


def main(command, *names):
    if command == "measure":
        measure(names)
    elif command == "simulate":
        page.keep(page.SIMULATED, simulate.simulated(page.read(page.MEASURED)))
    elif command == "write":
        page.PAGE.write_text(page.filled(page.PAGE.read_text(), tables.BLOCKS))
    else:
        sys.exit("measure [PART ...], simulate or write")


if __name__ == "__main__":
    main(*(sys.argv[1:] or [""]))
