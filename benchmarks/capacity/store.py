"""What runs ask of the disk: files, bytes, and operations on metadata."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections import Counter

from benchmarks.pipeline import large
from pgstudy.experiment.cluster_jobs import ClusterJob, write_jobs
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Block

CALLS = "trace=%file,fsync,fdatasync,getdents64"
CHANGES = re.compile(
    r"O_CREAT|^\d+ +(?:mkdir|rename|unlink|rmdir|f?chmod|link|symlink)"
)
LONG = 2_000_000  # environment steps, of a run that writes progress and checkpoints


def sizes(results):
    """Files and bytes of trained runs, a median, and the largest."""
    folders = [file.parent for file in results.glob("runs/*/*/*/*/run.json")]
    held = [sum(f.stat().st_size for f in folder.iterdir()) for folder in folders]
    files = [len(list(folder.iterdir())) for folder in folders]
    return {
        "runs": len(folders),
        "files": statistics.median(files),
        "bytes": statistics.median(held),
        "most_bytes": max(held),
    }


def operations(folder):
    """Of one run, by the kind of call: a job of 41 runs against a job of one."""
    one, many = (traced(folder / str(n), job(large(1000), n)) for n in (1, 41))
    files = [len([*(folder / str(n) / "results").rglob("*")]) for n in (1, 41)]
    found = {kind: (many[kind] - one[kind]) / 40 for kind in sorted(many)}
    return found | {"inodes": (files[1] - files[0]) / 40}


def while_it_trains(folder):
    """A second of a training, beside its begin and its end."""
    config = large(8)
    for entry in config["environments"]:
        entry |= {"env_steps": LONG}
    long, short = job(config, 1), job(large(1000), 1)
    found, other = traced(folder / "long", long), traced(folder / "short", short)
    (record,) = (folder / "long").glob("results/runs/*/*/*/*/run.json")
    seconds = float(re.search(r'"seconds": ([\d.]+)', record.read_text())[1])
    return {kind: (found[kind] - other[kind]) / seconds for kind in sorted(found)}


def job(config, runs):
    return ClusterJob((Block(load_study(config).cells[0], tuple(range(runs))),))


def traced(folder, job):
    """Calls of the kernel that name a file below results/, of training a job."""
    (folder / "results").mkdir(parents=True)
    write_jobs(Store(folder / "results"), [job])
    train = ["pgstudy", "train-blocks", f"results/jobs/{job.name}.json"]
    trace = ["strace", "-f", "-y", "-qq", "-e", CALLS, "-o", "trace", *train]
    subprocess.run(trace, cwd=folder, check=True, capture_output=True)
    found: Counter[str] = Counter()
    for line in (folder / "trace").read_text().splitlines():
        if "results/" in line:
            found["all"] += 1
            found["changes"] += bool(CHANGES.search(line))
            found["syncs"] += "sync(" in line
    return found
