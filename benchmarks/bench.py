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

SHARE = "share of the environment's speed, N = "
GOALS = {
    **{
        f"{SHARE}{n}, {length}": goal
        for n, goals in {
            1: (".35", ".55"),
            4: (".50", ".75"),
            16: (".66", ".82"),
            64: (".72", ".85"),
        }.items()
        for length, goal in zip(("short", "long"), goals, strict=True)
    },
    "100 seeds x N = 1 side by side, native vector, long": "5",
    "10 seeds x N = 4 side by side, native vector, long": "3",
    "native vector, CartPole-v1, N = 64, untrained, against the list": "2",
    "native vector, CartPole-v1, N = 64, 500 steps, against the list": "5",
    "envpool, Acrobot-v1, N = 16, against the list": "3",
    "long episodes, N = 1, against the textbook loop": "20",
    "short episodes, N = 1, against the textbook loop": "12",
    "from process start to the first environment step": "1.7 CPU-s",
    "a process with N = 1000, 500-step episodes": "1 GB",
    "a training process (CartPole-v1, N = 64, 300,000 steps)": "400 MB",
    "10,000 complete runs: a dry run after that": planning.GOALS[10_000],
    "tracking 80 runs of 500 updates": ".1 CPU-s and 150 KB a run",
    "tables, claims, figures, paper set and report of 1,000 runs of 500 updates": (
        "tables 5 s"
    ),
}


def main(parts):
    commit = git.commit_text(git.state())
    print(f"{provenance.describe()['cpu']}, {os.cpu_count()} cores, commit {commit}")
    print("\n| what | measured | goal |\n|---|---|---|")
    for part in parts:
        for measure in PARTS[part]:
            folder = Path(tempfile.mkdtemp())
            try:
                for name, value in measure(folder):
                    print(f"| {name} | {value} | {GOALS.get(name, '')} |", flush=True)
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:] or PARTS)
