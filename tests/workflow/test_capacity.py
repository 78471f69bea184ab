"""The simulated cluster, the page of capacity, and what a job's process computes."""

import subprocess
import sys
from collections import Counter, deque

import pytest

from benchmarks.capacity import page, simulate, starts, tables
from benchmarks.capacity.cluster import Cluster, Job, Simulation
from pgstudy.experiment.study.jobs import expected_seconds
from tests.conftest import ROOT
from tests.warm import variables

QUIET = {"start": 8.0, "submissions": 1e9, "notice": 0.0}
BAD = {"failures": 2.0, "preemptions": 5.0, "start": 8.0, "submissions": 1.0}


def jobs(count, runs=10, seconds=100.0, limit=1e9):
    numbers = iter(range(count * runs))
    return [
        Job(deque((next(numbers), seconds) for _ in range(runs)), limit)
        for _ in range(count)
    ]


def outcome(work, seed=0, nodes=7, at_once=7, **more):
    return Simulation(work, Cluster(nodes, at_once, **more), seed).run()


@pytest.mark.parametrize("seed", range(5))
def test_every_run_is_trained_once(seed):
    """Whatever fails meanwhile, and only what was lost is trained again."""
    found = outcome(jobs(30), seed, **BAD)
    assert found.trained == Counter(range(300))
    assert found.ends["failure"] > 5
    assert found.ends["preemption"] > 5
    assert found.useful == pytest.approx(300 * 100)
    assert 0 < found.lost < 60 * found.ends["failure"]


def test_only_a_failure_loses_training():
    """A preempted job is told so, and writes a checkpoint."""
    found = outcome(jobs(30), **BAD | {"failures": 0.0})
    assert found.ends["preemption"] > 5
    assert found.lost == 0


def test_what_reaches_its_limit_too_often_is_left():
    """Of three attempts with 500, 1,000 and 1,500 s: 8 s for each start."""
    found = outcome(jobs(3, runs=40, limit=500.0), **QUIET)
    assert found.ends == {"limit": 9}
    assert sum(found.trained.values()) + len(found.left) == 120
    assert sorted([*found.trained, *found.left]) == list(range(120))
    assert len(found.left) == 3 * (40 - (3000 - 24) // 100)


def test_the_same_seed_is_the_same_cluster():
    """And another one is another."""
    one, same, other = (outcome(jobs(30), seed, **BAD) for seed in (1, 1, 2))
    assert vars(one) == vars(same)
    assert vars(one) != vars(other)


@pytest.mark.parametrize(("count", "nodes"), [(1, 1), (10, 3), (70, 7), (5, 100)])
def test_without_trouble_the_time_is_known(count, nodes):
    """Waves of jobs, if submitting takes no time."""
    found = outcome(jobs(count), nodes=nodes, at_once=nodes, **QUIET)
    assert found.makespan == pytest.approx(-(-count // nodes) * 1008, abs=1e-3)


def test_a_slow_scheduler_starts_them_one_by_one():
    """The last of them is submitted after 49 s, and its end is noticed 30 s late."""
    found = outcome(jobs(50), nodes=50, at_once=50, start=8.0, submissions=1.0)
    assert found.makespan == pytest.approx(49 + 1008 + 30)


def test_no_more_jobs_are_submitted_than_may_be():
    """So two of three nodes have nothing to do."""
    found = outcome(jobs(6), nodes=3, at_once=1, **QUIET)
    assert found.makespan == pytest.approx(6 * 1008, abs=1e-3)


def test_the_simulated_jobs_are_those_of_the_product():
    """All runs of the study, none slower or faster than a recorded one."""
    planned = simulate.study(1000)
    work = simulate.jobs(planned, 100, [[1.0, 0.5], [2.0, 3.0]], seed=0)
    runs = [run for job in work for run in job.runs]
    assert [number for number, _ in runs] == list(range(1000))
    block = next(planned.blocks())
    expected = expected_seconds(block) / len(block.seeds)
    assert {seconds for _, seconds in runs} == {0.5 * expected, 1.5 * expected}


def test_the_page_says_what_was_measured():
    """And what was simulated is what that gives."""
    text = page.PAGE.read_text()
    assert set(tables.BLOCKS) == {name for _, name, _ in page.BLOCK.findall(text)}
    assert page.filled(text, tables.BLOCKS) == text
    again = page.short(simulate.simulated(page.read(page.MEASURED)))
    assert again == page.read(page.SIMULATED)


COUNTED = """
import sys
from pgstudy.experiment.study.cell import Cell
from snakemake.cli import main
keys, key = [], Cell.key
Cell.key = lambda cell, seed: keys.append(seed) or key(cell, seed)
try:
    main()
finally:
    print(f"{len(keys)} keys", file=sys.stderr)
"""


def test_a_job_computes_no_keys_of_its_study(tmp_path):
    """Only a call does: else the work of all jobs grows with the square of a study."""
    job = starts.prepared(tmp_path, 1000)
    for more, keys in ([], 0), (["-n", "--mode", "default"], 1000):
        _, *line = starts.on_a_node(tmp_path, job)
        if more:
            line = [*line[:4], "--cores", "1", *more, *line[-2:]]
        done = subprocess.run(
            [sys.executable, "-c", COUNTED, *line],
            cwd=ROOT,
            env=variables(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1] == f"{keys} keys"
    assert len(list(tmp_path.glob("results/runs/*/*/*/*/run.json"))) == 1
