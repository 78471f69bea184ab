"""Real kills of a real training process, and what the next one makes of it."""

import json
import re
import signal
import time

import psutil
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.progress.states import running
from pgstudy.experiment.store import checkpoints
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training import block as training
from tests import warm

STEPS = 120_000
CONFIG = {
    "study": "kill",
    "seeds": 1,
    "sample_counts": [4],
    "environments": [
        {
            "id": "CartPole-v1",
            "env_steps": STEPS,
            "policy": {"hidden": [16], "normalise_observations": True},
            "optimizer": {"learning_rate": 1e-4, "name": "adam"},
        }
    ],
    "estimators": [{"name": "running-mean", "baseline": "running-mean"}],
}


@pytest.fixture(scope="module")
def block():
    return next(load_study(CONFIG).blocks())


@pytest.fixture(scope="module")
def whole(block, tmp_path_factory):
    """The record of a training that nobody cut."""
    store = Store(tmp_path_factory.mktemp("whole"))
    training.train_block(store, block)
    return store.run(block.cell, 0).record()


@pytest.fixture
def often(monkeypatch):
    """A checkpoint after every update."""
    monkeypatch.setenv(checkpoints.SECONDS, "0")


def start(block, results):
    return warm.start("train", block.to_json(), "--results", results)


def written(run):
    path = run.folder / checkpoints.CHECKPOINT
    return path.stat().st_mtime_ns if path.is_file() else None


def wait_for_checkpoint(process, run):
    """Wait until the process has written one of its own."""
    before = written(run)
    while written(run) == before:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    time.sleep(0.1)


def says_why_it_ended(run, how):
    """Nobody can say anything after SIGKILL."""
    record = run.record()
    if how == signal.SIGKILL:
        return record is None or record.status == "interrupted"
    # whoever is told hands it on as SIGTERM
    said = r"ended by (SIGTERM|SIGINT) after update [1-9]\d*"
    return record.status == "interrupted" and re.fullmatch(said, record.reason)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_killed_goes_on_to_the_same_bits(
    block, whole, tmp_path, often, monkeypatch, how
):
    """Twice, each time in the middle; then it ends as if nothing had been."""
    run = Store(tmp_path).run(block.cell, 0)
    spent = []
    for _ in range(2):
        process = start(block, tmp_path)
        wait_for_checkpoint(process, run)
        process.send_signal(how)
        assert process.wait() != 0
        assert "Traceback" not in process.stderr.read()
        assert says_why_it_ended(run, how)
        spent.append(checkpoints.read(run).snapshot["history"]["spent"]["env_steps"])
    assert 0 < spent[0] < spent[1] < STEPS
    monkeypatch.delenv(checkpoints.SECONDS)
    last = start(block, tmp_path)
    assert last.wait() == 0, last.stderr.read()
    record = run.record()
    assert record.digest == whole.digest
    assert record.resumed is True
    assert not (run.folder / checkpoints.CHECKPOINT).exists()


def test_sigterm_loses_no_update(block, whole, tmp_path):
    """No checkpoint is due for a minute; one is written as the signal comes."""
    run = Store(tmp_path).run(block.cell, 0)
    process = start(block, tmp_path)
    while not running(tmp_path):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)  # some updates; the run takes a second or two
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM
    history = checkpoints.read(run).snapshot["history"]
    said = f"ended by SIGTERM after update {history['spent']['updates']}"
    assert run.record().reason == said
    last = start(block, tmp_path)
    assert last.wait() == 0
    assert run.record().digest == whole.digest


def test_a_damaged_checkpoint_is_a_new_start(
    block, whole, tmp_path, often, monkeypatch
):
    """Said, and never read."""
    store = Store(tmp_path)
    run = store.run(block.cell, 0)
    process = start(block, tmp_path)
    wait_for_checkpoint(process, run)
    process.kill()
    process.wait()
    path = run.folder / checkpoints.CHECKPOINT
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    monkeypatch.delenv(checkpoints.SECONDS)
    last = start(block, tmp_path)
    assert last.wait() == 0
    assert "its checkpoint is damaged; it starts again" in last.stderr.read()
    assert run.record().digest == whole.digest
    assert run.record().resumed is False


def test_two_processes_do_not_train_one_run_twice(block, whole, tmp_path):
    """The second waits for the first, says so, and finds the run complete."""
    processes = [start(block, tmp_path) for _ in range(2)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("waiting for the process that trains" in text for text in said) == 1
    assert Store(tmp_path).run(block.cell, 0).record().digest == whole.digest


def test_an_orphan_that_dies_leaves_its_run_to_the_one_that_waits(
    block, whole, tmp_path, often, monkeypatch
):
    """Its lock goes with it; the other goes on from its checkpoint."""
    run = Store(tmp_path).run(block.cell, 0)
    first = start(block, tmp_path)
    wait_for_checkpoint(first, run)
    for trainer in psutil.Process(first.pid).children():
        trainer.suspend()  # or it may be done before the second has begun
    monkeypatch.delenv(checkpoints.SECONDS)
    second = start(block, tmp_path)
    assert "waiting" in second.stderr.readline()
    first.kill()
    assert second.wait() == 0
    assert run.record().digest == whole.digest
    assert run.record().resumed is True


def test_the_interval_is_a_minute_unless_the_environment_says_otherwise(
    monkeypatch, capsys
):
    """A word that is no number is said, and not a crash."""
    monkeypatch.delenv(checkpoints.SECONDS, raising=False)
    assert checkpoints.interval() == 60
    monkeypatch.setenv(checkpoints.SECONDS, "2.5")
    assert checkpoints.interval() == 2.5
    monkeypatch.setenv(checkpoints.SECONDS, "often")
    assert checkpoints.interval() == 60
    assert "not a number" in capsys.readouterr().err


def test_a_record_says_how_long_all_of_it_took(block, whole):
    """Seconds of training, and that it was never cut."""
    assert whole.seconds > 0
    assert whole.resumed is False
    assert json.dumps(whole.to_dict())
