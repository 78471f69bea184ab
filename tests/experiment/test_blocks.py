"""Blocks of a vectorized environment: real processes, kills and locks."""

import copy
import signal
import subprocess
import sys
import time

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store import checkpoints
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.training import train
from tests.experiment.test_checkpoints import start

CONFIG = {
    "study": "lanes",
    "seeds": 4,
    "sample_counts": [2],
    "seeds_per_job": 4,
    "environments": [
        {
            "id": "CartPole-v1",
            "vectorize": True,
            "env_steps": 6_000,
            "policy": {"hidden": [16]},
            "optimizer": {"learning_rate": 1e-4},
        }
    ],
    "estimators": [{"name": "total-return"}],
}


def block_of(config):
    return next(load_study(copy.deepcopy(config)).blocks())


@pytest.fixture(scope="module")
def block():
    return block_of(CONFIG)


@pytest.fixture(scope="module")
def alone(block):
    """The digest of each seed, trained by itself."""
    return [train(block.cell.specification, seed).digest() for seed in block.seeds]


def digests(store, block):
    return [run.record().digest for run in store.runs(block)]


def test_a_block_side_by_side_has_the_bits_of_each_run_alone(tmp_path, block, alone):
    """And the runs share the time that it took."""
    store, started = Store(tmp_path), time.monotonic()
    assert train_block(store, block) == []
    took = time.monotonic() - started
    assert digests(store, block) == alone
    seconds = [run.record().seconds for run in store.runs(block)]
    assert all(each > 0 for each in seconds)
    assert sum(seconds) <= took


def test_each_run_has_a_process_that_imports_no_pandas_of_its_own(tmp_path):
    """Which takes longer than a short training: the block's process has done it."""
    short = CONFIG["environments"][0] | {"vectorize": False, "env_steps": 100}
    block = block_of(CONFIG | {"environments": [short], "seeds": 3})
    command = [sys.executable, "-X", "importtime", "-m", "pgstudy", "train"]
    done = subprocess.run(
        [*command, block.to_json(), "--results", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(Store(tmp_path).missing(block)) == 0
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert names.count("pandas") == 1


def test_a_run_that_another_process_trains_is_left_to_it(tmp_path, block, alone):
    """The others are trained meanwhile; then it is waited for."""
    store = Store(tmp_path)
    held = store.lock(store.runs(block)[1])
    held.acquire()
    process = start(block, tmp_path)
    assert "waiting for the process that trains" in process.stderr.readline()
    assert [run.seed for run in store.missing(block)] == [block.seeds[1]]
    held.release()
    assert process.wait(120) == 0
    assert digests(store, block) == alone


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_block_goes_on_from_its_checkpoints(tmp_path, monkeypatch, how):
    """Each run from its own, to the bits of a training that nobody cut."""
    longer = CONFIG["environments"][0] | {"env_steps": 20_000}
    block = block_of(CONFIG | {"environments": [longer], "seeds": 3})
    monkeypatch.setenv(checkpoints.SECONDS, "0")
    store = Store(tmp_path)
    process = start(block, tmp_path)
    files = [run.folder / checkpoints.CHECKPOINT for run in store.runs(block)]
    while not all(file.is_file() for file in files):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(how)
    process.wait()
    assert len(store.missing(block)) == 3
    if how == signal.SIGTERM:
        assert [run.status() for run in store.runs(block)] == ["interrupted"] * 3
    monkeypatch.delenv(checkpoints.SECONDS)
    assert train_block(store, block) == []
    assert all(run.record().resumed for run in store.runs(block))
    specification = block.cell.specification
    assert digests(store, block) == [
        train(specification, seed).digest() for seed in block.seeds
    ]
