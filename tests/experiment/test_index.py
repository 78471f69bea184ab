"""What is noted of runs: it saves hashing, and no change is missed for it."""

import json
import os
import shutil
import subprocess
import time

import filelock
import pytest

from pgstudy.cli.trust import doctor
from pgstudy.experiment import index, planning
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.index import Index
from pgstudy.experiment.store.record import RECORD
from pgstudy.experiment.store.runs import FILES, POLICY, Run, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study_file import STUDY_FILE, Plan, write_plan
from pgstudy.experiment.system import places
from pgstudy.experiment.training.block import train_block
from tests.conftest import SMALL

CONFIG = SMALL | {"seeds": 2, "sample_counts": [1]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results folder with two runs, to be copied."""
    results = tmp_path_factory.mktemp("made") / "results"
    (block,) = load_study(CONFIG).blocks()
    assert train_block(Store(results), block) == []
    return results


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy whose files count as old from the start."""
    monkeypatch.setattr(index, "TICK", 0)
    shutil.copytree(made, tmp_path / "results")
    time.sleep(0.05)  # a few ticks of a usual clock
    study, store = load_study(CONFIG), Store(tmp_path / "results")
    return StudyFolder(store, study, store.results / study.name)


@pytest.fixture
def hashed(monkeypatch):
    """Names of the runs that were hashed, in a list that grows."""
    names, whole = [], Run.is_complete
    monkeypatch.setattr(
        Run, "is_complete", lambda run: names.append(run.folder.name) or whole(run)
    )
    return names


def call(folder):
    """A call that makes files, as it begins."""
    lock = filelock.FileLock(folder.store.results / places.CALL_LOCK)
    found = planning.begin(lock, folder)
    lock.release()
    assert found.trouble == ""
    return missing(found)


def missing(found):
    return [run.seed for runs in found.missing.values() for run in runs]


def noted(folder):
    return folder.store.results / places.INDEX


def names(folder):
    return [run.folder.name for run in folder.runs]


def test_runs_are_hashed_once(folder, hashed):
    """By the first call; neither a call nor a look after it reads them again."""
    assert call(folder) == []
    assert hashed == names(folder)
    before = noted(folder).stat()
    assert call(folder) == missing(planning.look(folder)) == []
    assert hashed == names(folder)
    assert noted(folder).stat() == before


def test_a_look_writes_nothing(folder):
    """Whether there is an index or none."""

    def listing():
        files = folder.store.results.rglob("*")
        return {file: file.stat().st_mtime_ns for file in files}

    for _ in range(2):
        before = listing()
        planning.look(folder)
        assert listing() == before
        call(folder)


@pytest.mark.parametrize("name", [RECORD, *FILES])
def test_a_file_that_was_changed_in_place_is_found(folder, name):
    """Though its size, inode and time of change are what they were."""
    call(folder)
    file = folder.runs[1].folder / name
    before, content = file.stat(), file.read_bytes()
    with file.open("rb+") as changed:
        changed.seek(len(content) // 2)
        changed.write(bytes([content[len(content) // 2] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    for what in ("st_size", "st_mtime_ns", "st_ino"):
        assert getattr(after, what) == getattr(before, what)
    assert missing(planning.look(folder)) == [1]
    assert call(folder) == [1]


@pytest.mark.parametrize("name", [RECORD, *FILES])
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_so_is_one_that_is_another(folder, name, how):
    """Moved over it with the time that it had, or deleted."""
    call(folder)
    file = folder.runs[0].folder / name
    before, content = file.stat(), file.read_bytes()
    if how == "deleted":
        file.unlink()
    else:
        other = file.with_name("other")
        other.write_bytes(content[::-1])
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(file)
    assert missing(planning.look(folder)) == [0]


def test_files_that_are_young_are_hashed(folder, hashed, monkeypatch):
    """Of a run that was changed within a tick of the clock nothing is noted."""
    monkeypatch.setattr(index, "TICK", 3600 * 10**9)
    for _ in range(2):
        assert call(folder) == []
    assert hashed == names(folder) * 2
    assert not noted(folder).exists()


def test_the_clock_is_that_of_the_files(folder, hashed, monkeypatch):
    """A file system whose clock stands still stamps a change with the same time."""
    newest = max(
        file.stat().st_ctime_ns for run in folder.runs for file in run.folder.iterdir()
    )
    monkeypatch.setattr(index, "file_system_time", lambda _: newest)
    call(folder)
    call(folder)
    young = [run for run in folder.runs if index._look(run.folder)[1] == newest]
    assert young
    assert hashed == names(folder) + [run.folder.name for run in young]


BROKEN = ["", "{", "[]", "null", "[" * 100_000, '{"runs": 5}', '{"code": 1}']


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_without_a_sound_index_all_is_hashed(folder, hashed, text):
    """It is written again then, and what is damaged is found."""
    call(folder)
    (folder.runs[1].folder / RECORD).write_text("{}")
    noted(folder).write_text(text)
    hashed.clear()
    assert missing(planning.look(folder)) == [1]
    assert call(folder) == [1]
    assert hashed == names(folder) * 2
    assert len(json.loads(noted(folder).read_text())["runs"]) == 1


def test_a_lost_index_or_one_of_other_code_is_no_index(folder, hashed, monkeypatch):
    """What counts as complete may have been another thing for it."""
    call(folder)
    noted(folder).unlink()
    planning.look(folder)
    call(folder)
    monkeypatch.setattr(index, "code_digest", lambda *places: "other")
    planning.look(folder)
    assert hashed == names(folder) * 4


def test_what_lies_in_its_place_is_no_trouble(folder, hashed):
    """Such as the folder of a study of that name, by an earlier version."""
    noted(folder).mkdir()
    assert call(folder) == call(folder) == []
    assert hashed == names(folder) * 2
    assert [file.name for file in folder.store.results.glob(".*")] == [places.CALL_LOCK]


def test_copied_results_are_hashed_again(folder, hashed, tmp_path):
    """The index comes along with all times; the inodes are others."""
    call(folder)
    subprocess.run(["cp", "-a", folder.store.results, tmp_path / "copy"], check=True)
    store = Store(tmp_path / "copy")
    copy = StudyFolder(store, folder.study, store.results / folder.study.name)
    hashed.clear()
    assert missing(planning.look(copy)) == []
    assert hashed == names(copy)


def test_what_is_noted_of_other_studies_stays(folder, hashed):
    """Until their runs are removed."""
    results = folder.store.results
    call(folder)
    fewer = load_study(CONFIG | {"seeds": 1})
    first, second = folder.runs
    os.utime(first.folder / RECORD)  # so that there is something to be noted
    time.sleep(0.05)
    call(StudyFolder(folder.store, fewer, results / fewer.name))
    hashed.clear()
    planning.look(folder)
    assert hashed == []
    shutil.rmtree(second.folder)
    os.utime(first.folder / RECORD)
    time.sleep(0.05)
    call(folder)
    assert len(json.loads(noted(folder).read_text())["runs"]) == 1


def test_doctor_finds_what_no_time_tells(folder, hashed, capsys):
    """As if a disk had changed a byte: the index vouches for a run that is damaged."""
    damaged = folder.runs[1]
    (damaged.folder / POLICY).write_bytes(b"")
    time.sleep(0.05)
    call(folder)
    content = json.loads(noted(folder).read_text())
    place = f"{damaged.cell.folder}/{damaged.folder.name}"
    content["runs"][place] = index._look(damaged.folder)[0]
    noted(folder).write_text(json.dumps(content))
    assert missing(planning.look(folder)) == []
    file = folder.path / STUDY_FILE
    write_plan(file, Plan(folder.study))
    doctor(file)
    text = capsys.readouterr().out
    assert "1 of 2 runs are here, current and sound" in text
    assert f"{damaged.name}: {POLICY} is damaged\nafter rm results/index, " in text
    noted(folder).unlink()
    assert missing(planning.look(folder)) == [1]


def test_a_failed_run_is_not_noted(folder, hashed):
    """It is tried again at each call."""
    run = folder.runs[0]
    record = run.record()
    run.write_record(type(record)(**vars(record) | {"status": "failed"}))
    time.sleep(0.05)
    assert call(folder) == call(folder) == [0]
    assert hashed == [*names(folder), run.folder.name]


def test_two_runs_are_not_taken_for_each_other(folder):
    """An index whose entries were exchanged vouches for neither."""
    call(folder)
    content = json.loads(noted(folder).read_text())
    first, second = content["runs"]
    content["runs"] = {second: content["runs"][first], first: content["runs"][second]}
    noted(folder).write_text(json.dumps(content))
    index_ = Index(folder.store.results)
    (folder.runs[0].folder / RECORD).write_text("{}")
    assert [index_.is_complete(run) for run in folder.runs] == [False, True]
