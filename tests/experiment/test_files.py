"""Files that are whole, and what kills leave of those that are not."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pgstudy.experiment.store import digests
from pgstudy.experiment.system.files import remove_leftovers, write_atomically

HANG = """
import sys, time
from pathlib import Path
from pgstudy.experiment.system.files import write_atomically
def write(path):
    path.write_text("half")
    time.sleep(60)
write_atomically(Path(sys.argv[1]) / "figures" / "a.svg", write)
"""


def test_what_a_kill_left_is_removed_and_what_is_written_now_is_not(tmp_path):
    """A temporary file is its process's while that lives."""
    process = subprocess.Popen([sys.executable, "-c", HANG, str(tmp_path)])
    while not list(tmp_path.rglob(".a.svg.*")):
        time.sleep(0.05)
    (tmp_path / ".a.svg.1234abcd").write_text("of an earlier version")
    (tmp_path / ".hidden").write_text("somebody's own")
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.rglob(".a.svg.*"))) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    remove_leftovers(tmp_path)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [".hidden"]


def write(folder, step, **files):
    with digests.recording(folder, step):
        for name, text in files.items():
            write_atomically(folder / name, lambda p, t=text: p.write_text(t))


def test_a_file_is_what_its_step_wrote_or_it_is_named(tmp_path):
    """Changed, missing, and of no step; steps have records of their own."""
    write(tmp_path, "one", a="1", b="2")
    write(tmp_path, "two", c="3")
    assert digests.damaged(tmp_path) == {}
    assert digests.unrecorded(tmp_path) == []
    (tmp_path / "a").write_text("other")
    (tmp_path / "c").unlink()
    (tmp_path / "d").write_text("4")
    (tmp_path / "empty").touch()
    assert digests.damaged(tmp_path) == {
        "one": {"a": "changed"},
        "two": {"c": "missing"},
    }
    assert digests.changed(tmp_path, "a")
    assert not digests.changed(tmp_path, "b")
    assert digests.unrecorded(tmp_path) == ["d"]


@pytest.mark.parametrize("text", ["", "[", "5"])
def test_a_damaged_record_records_nothing(tmp_path, text):
    """Its files are made again."""
    write(tmp_path, "one", a="1")
    (tmp_path / digests.FOLDER / "one.json").write_text(text)
    assert digests.damaged(tmp_path) == {}
    assert digests.unrecorded(tmp_path) == ["a"]


def test_a_step_that_is_cut_short_leaves_its_old_record(tmp_path):
    """So what it wrote already is not what is recorded."""
    write(tmp_path, "one", a="1", b="2")
    with pytest.raises(KeyboardInterrupt), digests.recording(tmp_path, "one"):
        write_atomically(tmp_path / "a", lambda p: p.write_text("new"))
        raise KeyboardInterrupt
    assert digests.damaged(tmp_path) == {"one": {"a": "changed"}}


def test_the_umask_is_not_changed_by_asking(tmp_path):
    """It is the process's."""
    before = os.umask(0o027)
    os.umask(before)
    code = "import os; from pgstudy.experiment.system import files; print(os.umask(0))"
    result = subprocess.run([sys.executable, "-c", code], stdout=-1, umask=0o031)
    assert int(result.stdout) == 0o031
