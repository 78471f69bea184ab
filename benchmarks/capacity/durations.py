"""How long real runs take: the CPU-seconds of each cell, beside what is expected."""

from __future__ import annotations

import resource
from unittest import mock

from benchmarks.capacity.store import sizes
from benchmarks.pipeline import ROOT
from pgstudy.experiment.config.loading import read_config
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.study.jobs import expected_seconds
from pgstudy.experiment.training.block import train_block

CONFIGS = ("config", "benchmark", "sutton_barto")
SEEDS = 10  # of a block that trains side by side; of others one is enough


def durations(folder):
    """Of a block of each cell: [[expected, needed]] seconds of a run, and its files."""
    found = []
    for name in CONFIGS:
        study = read_config(ROOT / "config" / f"{name}.yaml")
        for cell in study.cells:
            vectorized = cell.specification.environment.vectorize
            block = Block(cell, study.seeds[: SEEDS if vectorized else 1])
            seconds = cpu_seconds(Store(folder), block)
            runs = len(block.seeds)
            found.append([round(expected_seconds(block) / runs, 3), seconds / runs])
            print(f"{cell.label}: {found[-1]}", flush=True)
    rounded = [[expected, round(needed, 3)] for expected, needed in found]
    return {"runs": rounded, "sizes": sizes(folder)}


def cpu_seconds(store, block):
    """What training a block takes, of the processor: others may use it too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with mock.patch("os.fsync"):
        assert train_block(store, block) == []
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
