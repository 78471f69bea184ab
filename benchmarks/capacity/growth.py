"""What planning and the tables cost, by the number of runs."""

from __future__ import annotations

import time

import yaml

from benchmarks.pipeline import ROOT, config, fake_runs, large, run_measured
from benchmarks.planning import CALLS, command, make
from pgstudy.experiment.cluster_jobs import cluster_jobs
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.planning import look
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder


def growth(folder, counts):
    """CPU-seconds and MB of what a call does before it trains or makes anything."""
    return {str(runs): _of(folder / str(runs), runs) for runs in counts}


def _of(folder, runs):
    folder.mkdir(parents=True)
    (folder / "big.yaml").write_text(yaml.safe_dump(large(runs)))
    found = keys_and_jobs(folder, runs)
    _, *found["none_made"] = run_measured(command(folder, "-n"), ROOT)
    make(folder, runs)
    for name, arguments in zip(
        ("hashed", "call", "all_made"), CALLS.values(), strict=True
    ):
        _, *found[name] = run_measured(command(folder, *arguments), ROOT)
    return found


def keys_and_jobs(folder, runs):
    """CPU-seconds from the config to keys, and from a look to packed jobs."""
    start = time.process_time()
    study, store = load_study(large(runs)), Store(folder / "results")
    for block in study.blocks():
        assert block.manifest
    keyed = time.process_time()
    place = StudyFolder(store, study, store.results / study.name)
    assert cluster_jobs(place, look(place))
    return {"keys": keyed - start, "jobs": time.process_time() - keyed}


def tables(folder, counts):
    """Seconds and MB of the tables of runs of 500 updates."""
    found = {}
    for runs in counts:
        place = folder / str(runs)
        place.mkdir(parents=True)
        file = fake_runs(place, load_study(config(seeds=runs // 4)))
        _, *found[str(runs)] = run_measured(["pgstudy", "tables", str(file)], place)
    return found
