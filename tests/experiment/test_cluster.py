"""What a cluster needs that can be seen on one machine."""

import copy
import errno
import os
import re
import time

import pytest

from pgstudy.experiment.cluster_jobs import cluster_jobs, read_blocks, write_jobs
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.planning import look
from pgstudy.experiment.progress import lost, states
from pgstudy.experiment.store import checkpoints
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study import jobs
from pgstudy.experiment.system import files, shared_disk
from tests import warm
from tests.commands import pgstudy
from tests.conftest import ROOT, SMALL
from tests.experiment.test_checkpoints import CONFIG, start


def study(steps=300_000, seeds=20, counts=(1, 4, 16), **more):
    config = copy.deepcopy(SMALL) | {"seeds": seeds, "sample_counts": list(counts)}
    config["environments"][0]["env_steps"] = steps
    return load_study(config | more)


def lengths(packed):
    return [sum(map(jobs.expected_seconds, job)) for job in packed]


def test_every_block_is_in_one_job_in_its_order():
    blocks = list(study().blocks())
    packed = jobs.packed(blocks, minutes=15)
    assert [block for job in packed for block in job] == blocks


@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_a_job_takes_about_as_long_as_asked(minutes):
    """A long study; no job is longer, and all but the last have no room for more."""
    packed = jobs.packed(study(steps=1_000_000, seeds=400).blocks(), minutes)
    block = max(map(jobs.expected_seconds, study(steps=1_000_000).blocks()))
    assert max(lengths(packed)) <= max(60 * minutes, block)
    assert min(lengths(packed)[:-1]) > 60 * minutes - block


def test_a_block_that_is_longer_than_a_job_has_one_of_its_own():
    packed = jobs.packed(study(steps=50_000_000, seeds_per_job=1).blocks(), 15)
    assert [len(job) for job in packed] == [1] * 60


def test_a_short_study_spreads_and_still_pays_little_to_start():
    """The default study: more jobs than one, and under a tenth of overhead."""
    code, said = pgstudy("check", ROOT / "config/config.yaml")
    found = re.search(r"(\d+) jobs of about .* min; .* about (.*)% of it", said)
    assert code == 0
    assert int(found[1]) > 1
    assert 0 < float(found[2]) < 10


@pytest.mark.parametrize("at_once", [20, 100, 1000])
def test_a_study_spreads_over_what_runs_at_once(at_once):
    """Down to jobs whose start costs little; so 1,000 nodes are not all used."""
    blocks = list(study(seeds=1000).blocks())
    few, many = jobs.packed(blocks, 600), jobs.packed(blocks, 600, at_once)
    assert [block for job in many for block in job] == blocks
    block = max(map(jobs.expected_seconds, blocks))
    assert min(lengths(many)[:-1]) > jobs.SHORTEST - block
    assert len(few) < at_once <= len(many) or max(lengths(many)) <= jobs.SHORTEST


def test_a_tiny_study_is_one_job():
    assert len(jobs.packed(study(steps=400, seeds=5).blocks(), 15)) == 1


def test_blocks_of_long_runs_have_fewer_seeds():
    """Five of 300,000 steps, two of 7,200,000, one of hours."""
    sizes = {
        steps: len(next(study(steps=steps).blocks()).seeds)
        for steps in (300_000, 7_200_000, 100_000_000)
    }
    assert sizes == {300_000: 5, 7_200_000: 2, 100_000_000: 1}


def test_a_jobs_file_says_what_it_trains(tmp_path):
    """Written, and read on a node: the same blocks with the same keys."""
    some = study(steps=400, seeds=5)
    folder = StudyFolder(Store(tmp_path), some, tmp_path / some.name)
    by_manifest = cluster_jobs(folder, look(folder))
    assert set(by_manifest) == {block.manifest for block in some.blocks()}
    write_jobs(folder.store, set(by_manifest.values()))
    (file,) = (tmp_path / "jobs").iterdir()
    assert [block.keys for block in read_blocks(file)] == [
        block.keys for block in some.blocks()
    ]


def test_train_blocks_trains_them_all_and_names_those_that_fail(tmp_path):
    some = study(steps=400, seeds=2, counts=(1, 4))
    folder = StudyFolder(Store(tmp_path), some, tmp_path / some.name)
    write_jobs(folder.store, set(cluster_jobs(folder, look(folder)).values()))
    (file,) = (tmp_path / "jobs").iterdir()
    assert pgstudy("train-blocks", file)[0] == 0
    assert all(run.is_complete() for run in folder.store.every_run(some))
    file.write_text("[{}]")
    code, said = pgstudy("train-blocks", file)
    assert code == 1
    assert "names no blocks of runs" in said


def sometimes(number, times):
    """Reads, but for the first times."""
    left = [OSError(number, os.strerror(number))] * times

    def read():
        if left:
            raise left.pop()
        return "content"

    return read


@pytest.fixture
def patient(monkeypatch):
    monkeypatch.setattr(shared_disk, "PAUSES", (0, 0, 0))


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_a_disk_in_trouble_is_asked_again_and_then_named(patient, number):
    """And it is no missing file."""
    assert shared_disk.patiently(sometimes(number, 3)) == "content"
    with pytest.raises(OSError) as raised:
        shared_disk.patiently(sometimes(number, 4))
    assert raised.value.errno == number


def test_a_file_that_is_not_there_is_none_at_once():
    assert shared_disk.patiently(sometimes(errno.ENOENT, 1)) is None


def test_what_another_host_is_writing_is_left_to_it(tmp_path):
    """Its process can't be looked for from here; after a day it is gone."""
    (tmp_path / "x").write_text("")
    elsewhere = tmp_path / ".x.other@1-0123abcd"
    here = tmp_path / f".x.{files.HOST}@999999999-0123abcd"
    for file in (elsewhere, here):
        file.write_text("")
    files.remove_leftovers(tmp_path)
    assert (elsewhere.exists(), here.exists()) == (True, False)
    then = time.time() - 2 * 86_400
    os.utime(elsewhere, (then, then))
    files.remove_leftovers(tmp_path)
    assert not elsewhere.exists()


def test_a_killed_process_is_told_of_by_the_next_call(tmp_path, monkeypatch):
    """In one line, in run.json, once; and the run goes on.

    It writes a checkpoint after every update, or it might be done too soon.
    """
    monkeypatch.setenv(checkpoints.SECONDS, "0")
    some = load_study(CONFIG)
    folder = StudyFolder(Store(tmp_path), some, tmp_path / some.name)
    (block,) = some.blocks()
    process = start(block, tmp_path)
    while not (found := states.running(tmp_path)) or not found[0].spent:
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    monkeypatch.delenv(checkpoints.SECONDS)
    reason = f"its process ({found[0].pid} on {found[0].host}) was killed"
    deadline = time.monotonic() + 20
    while not (lines := lost.settle([folder])) and time.monotonic() < deadline:
        time.sleep(0.1)  # its child ends a moment later
    assert lines == [f"1 run was interrupted: {reason}"]
    (run,) = folder.store.runs(block)
    assert (run.status(), run.record().reason) == ("interrupted", reason)
    assert lost.settle([folder]) == []
    assert start(block, tmp_path).wait() == 0
    assert run.status() == "finished"


def test_logs_are_appended_to(tmp_path):
    """Each part begins with its time and host."""
    log = tmp_path / "check.log"
    for _ in range(2):
        config = ROOT / "config/smoke.yaml"
        done = warm.pgstudy("--log", log, "check", config, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    assert log.read_text().count("smoke: 6 cells") == 2
    assert log.read_text().count("\n--- ") == 1
