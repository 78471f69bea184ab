"""What the start of a cluster's job costs, by the runs of the study that it is of."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time

import psutil
import yaml

from benchmarks.pipeline import ROOT, large, run_measured
from pgstudy.experiment.cluster_jobs import ClusterJob, write_jobs
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Block

# as Snakemake's executors call it on a node, but for the names of files
ON_A_NODE = shlex.split(
    "--cores 1 --allowed-rules train_blocks --mode remote --force --nolock --notemp "
    "--target-files-omit-workdir-adjustment --keep-storage-local-copies --no-hooks "
    "--max-inventory-time 0 --nocolor --ignore-incomplete --scheduler greedy"
)


def prepared(folder, runs):
    """A study of so many runs, and the name of a job that trains the first of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "big.yaml").write_text(yaml.safe_dump(large(runs)))
    cell = load_study(large(runs)).cells[0]
    job = ClusterJob((Block(cell, (0,)),))
    write_jobs(Store(folder / "results"), [job])
    return job.name


def on_a_node(folder, job):
    """What runs on a node for a job: a Snakemake, which trains."""
    call = ["snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(folder), *ON_A_NODE]
    call += ["--target-jobs", f"train_blocks:job={job}"]
    return [*call, "--configfile", str(folder / "big.yaml")]


def starts(folder, counts):
    """CPU-seconds of a job and of its training alone, by the runs of the study."""
    found = {}
    for runs in counts:
        place = folder / str(runs)
        job = prepared(place, runs)
        alone = ["pgstudy", "train-blocks", f"results/jobs/{job}.json"]
        _, training, _ = run_measured(alone, place)
        shutil.rmtree(place / "results/runs")
        _, whole, _ = run_measured(on_a_node(place, job), place)
        found[str(runs)] = {"job": whole, "training": training}
    return found


def memory(folder):
    """MB that the processes of a job hold together, at most."""
    job = prepared(folder, 1000)
    null, most = subprocess.DEVNULL, 0
    with psutil.Popen(on_a_node(folder, job), stdout=null, stderr=null) as process:
        while process.poll() is None:
            most = max(most, sum(map(held, [process, *children(process)])))
            time.sleep(0.05)
    assert process.returncode == 0
    return most / 2**20


def children(process):
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def held(process):
    """Bytes of a process that no other one has; 0 once it is gone."""
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0
