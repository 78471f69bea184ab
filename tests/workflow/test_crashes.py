"""Kills, full disks and calls at once, for real; one plain line goes on from each."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.progress import states
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.system.files import TEMPORARY
from tests.workflow.project import CRASH, NOTHING, Clone, summary

TABLES = summary("crash")
# Half the usual steps: three runs of a job take seconds, and checkpoints come ten times
# a second, so a kill still lands in the middle.
HALF = CRASH | {"environments": [CRASH["environments"][0] | {"env_steps": 30_000}]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that nothing went wrong with, and that nobody changes."""
    clone = Clone(tmp_path_factory.mktemp("whole") / "clone", HALF)
    code, text = clone.call(TABLES)
    assert code == 0, text
    return clone


@pytest.fixture(scope="module")
def whole(finished):
    """Its digests."""
    return finished.digests()


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone", HALF)


def assert_goes_on(clone, whole, *targets):
    """The same line again ends well, to the same bits, with nothing half-written."""
    code, text = clone.call(*targets)
    assert code == 0, text
    assert clone.digests() == whole
    for made in targets or ["results/crash/report.html"]:
        assert (clone.folder / made).is_file()
    left = [p for p in clone.results.rglob(".*") if TEMPORARY.fullmatch(p.name)]
    assert left == []
    assert NOTHING in clone.call(*targets)[1]


def test_the_whole_group_killed_in_the_middle(clone, whole, migrated):
    """kill -9: no unlocking, no other option, no run twice."""
    clone.give_store(migrated)
    process = clone.start()
    clone.wait_for_training()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(clone.digests()) < 6
    assert_goes_on(clone, whole)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_only_snakemake_killed(clone, whole, how):
    """Its jobs end with it, or are waited for: no run is trained twice at once."""
    process = clone.start(TABLES)
    clone.wait_for_training()
    process.send_signal(how)
    process.wait()
    assert_goes_on(clone, whole, TABLES)


def test_two_calls_at_once(clone, whole):
    """The second leaves with a message and changes nothing.

    The first waits for a run that is held here, however long the second takes.
    """
    store = Store(clone.results)
    run = store.runs(list(load_study(HALF).blocks())[-1])[-1]
    (clone.results / "locks").mkdir(parents=True)
    with store.lock(run):
        first = clone.start(TABLES)
        clone.wait_for_training()
        code, text = clone.call(TABLES)
    assert code != 0
    assert "another snakemake call works on results/" in text
    assert "Traceback" not in text
    text = first.communicate()[0]
    assert first.returncode == 0, text
    assert clone.digests() == whole


@pytest.fixture
def small_disk(clone):
    """`results` on a file system of 3 MB."""
    clone.results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(clone.results)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield clone
    subprocess.run(["umount", "-l", str(clone.results)], check=True)


def remount(clone, option):
    command = ["mount", "-o", f"remount,{option}", str(clone.results)]
    subprocess.run(command, check=True)


def test_a_full_disk(small_disk, whole):
    """A message; what is complete is kept; with room again it goes on."""
    filler = small_disk.results / "filler"
    filler.write_bytes(b"x" * 2_850_000)
    code, text = small_disk.call()
    assert code != 0
    assert "No space left on device" in text
    filler.unlink()
    remount(small_disk, "size=200m")
    assert_goes_on(small_disk, whole, TABLES)


def test_a_read_only_results_folder(small_disk, whole):
    """A message before anything is trained."""
    remount(small_disk, "ro")
    code, text = small_disk.call()
    assert code != 0
    assert "Read-only file system" in text
    assert "Traceback" not in text
    remount(small_disk, "rw,size=200m")
    assert_goes_on(small_disk, whole, TABLES)


def test_a_dead_mlflow_server_leaves_training_untouched(clone, whole, migrated):
    """All runs, tables and the report are there; exit code and a line say the rest."""
    clone.give_store(migrated)
    process = clone.start(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    text = process.communicate()[0]
    assert process.returncode != 0
    assert "training goes on, but its runs can't be uploaded: MLflow at" in text
    assert clone.digests() == whole
    assert (clone.results / "crash" / "report.html").is_file()
    assert_goes_on(clone, whole)


def processes(folder, word):
    """Those in this folder with this word on their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_text().split("\0")
            if word in words and (place / "cwd").readlink() == folder:
                found.append(int(place.name))
    return found


def test_a_killed_check_of_mlflow_does_not_end_the_call(clone, whole):
    """The server takes connections and never answers; all is trained all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = clone.start(TABLES, MLFLOW_TRACKING_URI=uri)
        while not (checks := processes(clone.folder, "check-tracking")):
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(checks[0], signal.SIGKILL)
        text = process.communicate()[0]
    assert process.returncode == 0, text
    assert "uploaded to MLflow was not found out (exit code -9)" in text
    assert clone.digests() == whole


def test_a_killed_training_process_leaves_its_child_nothing_to_do(clone, whole):
    """The process that trains ends with the one that started it, at once."""
    process = clone.start(TABLES)
    clone.wait_for_training()
    trained = [psutil.Process(run.pid) for run in states.running(clone.results)]
    assert trained
    for run in trained:
        run.parent().kill()
    assert psutil.wait_procs(trained, timeout=5)[1] == []
    process.communicate()
    assert process.returncode != 0
    assert_goes_on(clone, whole, TABLES)


def test_damaged_files_are_found_set_aside_and_trained_again(finished, whole, tmp_path):
    """By the plain call, which says so, for a record, a table and a policy."""
    shutil.copytree(finished.results, tmp_path / "clone" / "results")
    shutil.copytree(finished.folder / ".snakemake", tmp_path / "clone" / ".snakemake")
    clone = Clone(tmp_path / "clone", HALF)
    folders = sorted(
        Path(p).parent for p in clone.results.glob("runs/*/*/*/*/run.json")
    )
    for folder, name in zip(
        folders, ("run.json", "updates.parquet", "policy.safetensors"), strict=False
    ):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    code, text = clone.call(TABLES)
    assert code == 0, text
    for name in ("run.json", "updates.parquet", "policy.safetensors"):
        assert f"{name} is damaged; set aside in" in text
    assert clone.digests() == whole
    assert len(list((clone.results / "set-aside").iterdir())) == 3
