"""Studies of many runs on clusters of many nodes: planned as the product plans them."""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from dataclasses import replace

import numpy as np

from benchmarks.capacity.cluster import Cluster, Job, Simulation
from benchmarks.pipeline import large
from pgstudy.experiment.cluster_jobs import ClusterJob
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.study.jobs import expected_seconds, packed

STEPS = 1_000_000  # environment steps of a run, 50 s as expected
CELLS = 100
RUNS, NODES = (10_000, 100_000), (100, 1_000)
FAST, SLOW = 10.0, 1.0  # jobs that the scheduler takes, a second
# by node and hour: none; old nodes; a bad week, and a busy partition
TROUBLES = {
    "none": {},
    "some": {"failures": 0.01},
    "bad": {"failures": 0.05, "preemptions": 0.2},
}
MORE = 1.5  # jobs at once, to nodes
LONG = 60  # minutes of a job
SEED = 1


def study(runs):
    """So many runs of 100 cells."""
    config = large(runs)
    del config["seeds_per_job"]
    rates = [1e-5 * 2**k for k in range(CELLS // 10)]
    for entry in config["environments"]:
        entry |= {"env_steps": STEPS, "optimizer": {"learning_rate": rates}}
    config |= {"seeds": runs // CELLS, "sample_counts": [1, 2, 4, 8, 16]}
    return load_study(config)


def jobs(study, at_once, recorded, seed):
    """The product's own jobs; a cell is as slow as one of those recorded.

    recorded: [expected, needed] seconds of real runs.
    """
    generator, number, found = np.random.default_rng(seed), 0, []
    slowness = [needed / expected for expected, needed in recorded]
    by_cell = {id(cell): float(generator.choice(slowness)) for cell in study.cells}
    for blocks in packed(study.blocks(), study.job_minutes, at_once):
        runs = deque()
        for block in blocks:
            seconds = expected_seconds(block) / len(block.seeds)
            for _ in block.seeds:
                runs.append((number, seconds * by_cell[id(block.cell)]))
                number += 1
        limit = 60 * ClusterJob(tuple(blocks)).minutes
        found.append(Job(runs, limit))
    return found


def simulated(measured):
    """A row for each trouble, for more jobs at once, and for a slow SLURM."""
    ways = [{"trouble": trouble} for trouble in TROUBLES]
    ways += [{"more": MORE}, {"rate": SLOW}, {"rate": SLOW, "minutes": LONG}]
    return [
        row(study(runs), nodes, measured, **way)
        for runs, nodes, way in itertools.product(RUNS, NODES, ways)
    ]


def row(planned, nodes, measured, *, trouble="none", more=1, rate=FAST, minutes=15):
    """The setting, and what became of it."""
    at_once, start = round(nodes * more), start_seconds(measured)
    cluster = Cluster(nodes, at_once, start, rate, **TROUBLES[trouble])
    planned = replace(planned, job_minutes=minutes)
    work = jobs(planned, at_once, measured["durations"]["runs"], SEED)
    setting = {
        "runs": sum(len(job.runs) for job in work),
        "nodes": nodes,
        "at_once": at_once,
        "minutes": minutes,
        "rate": rate,
        "trouble": trouble,
    }
    return setting | numbers(work, cluster)


def start_seconds(measured):
    """Of a job: a Snakemake twice, and what a training needs before it begins."""
    starts = measured["starts"].values()
    return statistics.median(2 * s["job"] - s["training"] for s in starts)


def numbers(work, cluster):
    """What is said of a simulation."""
    count, runs = len(work), sum(len(job.runs) for job in work)
    outcome = Simulation(work, cluster, SEED).run()
    whole = outcome.useful + outcome.starts + outcome.lost
    assert sum(outcome.trained.values()) + len(outcome.left) == runs
    return {
        "jobs": count,
        "hours": float(outcome.makespan) / 3600,
        "shortest": outcome.useful / cluster.nodes / 3600,
        "use": outcome.useful / cluster.nodes / outcome.makespan,
        "starts": outcome.starts / whole,
        "lost": outcome.lost / whole,
        "submissions": outcome.submissions / outcome.makespan,
        "ends": dict(outcome.ends),
        "left": len(outcome.left),
    }
