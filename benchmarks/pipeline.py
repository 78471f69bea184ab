"""The pipeline around training: processes, planning, tracking.

Each measure takes an empty folder and yields rows: what, measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance import identity as provenance
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.training.saving import save
from pgstudy.learning.results import Training
from pgstudy.learning.training import train

ROOT = Path(__file__).parents[1]
STEPS = 40_000


def config(**changes):
    base = {
        "study": "bench",
        "seeds": 1,
        "sample_counts": [1, 4, 16, 64],
        "defaults": {
            "env_steps": STEPS,
            "evaluation_episodes": 0,
            "optimizer": {"learning_rate": 1e-4},
            "policy": {"hidden": [64]},
        },
        "environments": [{"id": "CartPole-v1"}],
        "estimators": [{"name": "total-return"}],
    }
    return base | changes


# Linux counts what a program's parent held as it was started: so it is a small process
SMALL = """
import resource, subprocess, sys, time
start = time.perf_counter()
null = subprocess.DEVNULL
code = subprocess.call(sys.argv[1:], stdout=null, stderr=null)
wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(code)
"""


def run_measured(command, folder):
    """Wall seconds, CPU seconds and peak MB of one process."""
    environment = {k: v for k, v in os.environ.items() if "MLFLOW" not in k}
    small = [sys.executable, "-S", "-c", SMALL, *command]
    text = subprocess.check_output(small, cwd=folder, env=environment, text=True)
    return tuple(map(float, text.split()))


def training_memory(folder):
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | {"seeds": 1}
    blocks = {b.cell.n: b for b in load_study(default).blocks() if b.cell.threshold}
    wall, _, memory = run_measured(["pgstudy", "train", blocks[64].to_json()], folder)
    name = "a training process (CartPole-v1, N = 64, 300,000 steps)"
    yield name, f"{wall:.1f} s, {memory:.0f} MB"


def published_runs(folder):
    """One run of each cell of Figures 13.1 and 13.2, the mean over ten seeds."""
    book = yaml.safe_load((ROOT / "config/sutton_barto.yaml").read_text())
    for cell in load_study(book).cells:
        start = time.process_time()
        for seed in range(10):
            train(cell.specification, seed)
        cpu = (time.process_time() - start) / 10
        yield f"a run of 1,000 episodes: {cell.short_label}", f"{cpu:.2f} CPU-s"


def large(runs):
    """A study of so many short runs: eight cells, in blocks of five."""
    big = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    big |= {"study": "big", "seeds": runs // 8, "seeds_per_job": 5}
    big["sample_counts"] = [1, 2, 4, 8]
    for entry in big["environments"]:
        entry["optimizer"] = {"learning_rate": 0.001}
    big["estimators"] = [{"name": "total-return"}]
    return big


def dry_run(folder):
    (folder / "big.yaml").write_text(yaml.safe_dump(large(10_000)))
    command = ["snakemake", "-n", "-q", "--cores", "8", "-s", str(ROOT / "Snakefile")]
    command += ["-d", str(folder), "--configfile", str(folder / "big.yaml")]
    _, cpu, memory = run_measured(command, ROOT)
    yield "a dry run of a study of 10,000 runs", f"{cpu:.1f} CPU-s, {memory:.0f} MB"


def fake_runs(folder, study):
    """All runs of a study, 500 updates each, as the files of real runs."""
    store = Store(folder / "results")
    result = train(study.cells[0].specification, 0)
    made = Provenance(made_by=provenance.describe(), started=time.time(), seconds=1.0)
    generator = np.random.default_rng(0)
    for cell in study.cells:
        for seed in study.seeds:
            updates = {k: np.resize(v, 500) for k, v in result.updates.items()}
            updates["update"] = np.arange(1, 501)
            updates["env_steps"] = STEPS // 500 * updates["update"]
            updates["mean_return"] = generator.normal(updates["update"], 50)
            fields = vars(result) | {"updates": updates}
            save(store.run(cell, seed), Training(**fields), made)
    file = folder / "results" / "bench" / "study.json"
    file.parent.mkdir()
    write_plan(file, Plan(study))
    return file


def tracking(folder):
    """80 runs of 500 updates into a new SQLite store."""
    file = fake_runs(folder, load_study(config(seeds=80, sample_counts=[1])))
    command = ["pgstudy", "track", str(file)]
    wall, first, memory = run_measured(command, folder)
    _, again, _ = run_measured(command, folder)  # imports, and a look at what is there
    size = (folder / "results/mlflow.db").stat().st_size / 80 / 1000
    each = f"{(first - again) / 80:.2f} CPU-s and {size:.0f} KB a run"
    name = "tracking 80 runs of 500 updates"
    yield name, f"{each}; {wall:.0f} s, {memory:.0f} MB in all"


def analysis(folder):
    """Tables, claims, figures, paper set and report of 1,000 runs of 500 updates."""
    places = [{"id": "CartPole-v1", "name": f"CartPole {i}"} for i in range(5)]
    for i, place in enumerate(places):  # else the five would be the same runs
        place["max_episode_steps"] = 500 + i
    study = load_study(config(seeds=50, environments=places))
    file = fake_runs(folder, study)
    walls, peak = [], 0.0
    for step in ("tables", "claims", "figures", "paper", "report"):
        wall, _, memory = run_measured(["pgstudy", step, str(file)], folder)
        walls.append(f"{step} {wall:.0f}")
        peak = max(peak, memory)
    name = "tables, claims, figures, paper set and report of 1,000 runs of 500 updates"
    yield name, f"{', '.join(walls)} s; {peak:.0f} MB"


MEASURES = (training_memory, published_runs, dry_run, tracking, analysis)
