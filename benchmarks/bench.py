"""`make bench`: every measure in one process run, as the table of README.md.

Ratios can be compared between tables; seconds and megabytes belong to one machine.
`python -m benchmarks.bench speed` measures the learning core only.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import pipeline, planning, speed
from pgstudy.experiment.provenance import git
from pgstudy.experiment.provenance import identity as provenance

PARTS = {
    "speed": speed.MEASURES,
    "pipeline": pipeline.MEASURES,
    "planning": planning.MEASURES,
}


def main(parts):
    commit = git.commit_text(git.state())
    print(f"{provenance.describe()['cpu']}, {os.cpu_count()} cores, commit {commit}")
    print("\n| what | measured |\n|---|---|")
    for part in parts:
        for measure in PARTS[part]:
            folder = Path(tempfile.mkdtemp())
            try:
                for name, value in measure(folder):
                    print(f"| {name} | {value} |", flush=True)
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:] or PARTS)
