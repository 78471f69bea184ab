"""Runs in an archive, for machines without a shared disk."""

import json
import zipfile

import pytest

from pgstudy.experiment.store import archive
from pgstudy.experiment.store.runs import FILES, Store
from pgstudy.experiment.training.block import train_block
from tests.commands import pgstudy
from tests.conftest import SMALL
from tests.experiment.test_blocks import block_of


@pytest.fixture
def there(tmp_path):
    """A store elsewhere with a block's runs, and their archive."""
    store, block = Store(tmp_path / "there"), block_of(SMALL)
    train_block(store, block)
    archive.pack(store.runs(block), tmp_path / "runs.zip")
    return store, block, tmp_path / "runs.zip"


def changed(file, change):
    """The same archive but for what `change(name, data)` returns; None leaves out."""
    with zipfile.ZipFile(file) as old:
        content = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w") as new:
        for name, data in content.items():
            if (data := change(name, data)) is not None:
                new.writestr(*((name, data) if isinstance(data, bytes) else data))


def test_runs_arrive_as_they_were(there, tmp_path):
    store, block, file = there
    here = Store(tmp_path / "here")
    assert archive.unpack(here, here.runs(block), file) == []
    for a, b in zip(store.runs(block), here.runs(block), strict=True):
        assert {p.name for p in b.folder.iterdir()} == {*FILES, "run.json"}
        for path in b.folder.iterdir():
            assert path.read_bytes() == (a.folder / path.name).read_bytes()


def test_a_run_that_is_here_is_left_alone(there, tmp_path):
    store, block, file = there
    before = {p: p.stat().st_mtime_ns for p in store.results.rglob("*.*")}
    archive.unpack(store, store.runs(block), file)
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_what_was_changed_on_the_way_is_no_run(there, tmp_path):
    _, block, file = there
    changed(file, lambda n, d: d + b" " if n.endswith(".safetensors") else d)
    here = Store(tmp_path / "here")
    with pytest.raises(ValueError, match=r"policy\.safetensors.* is damaged"):
        archive.unpack(here, here.runs(block), file)
    assert len(here.missing(block)) == len(block.seeds)


def test_no_archive_is_a_message(there, tmp_path):
    _, block, file = there
    file.write_bytes(b"<html>no such bucket</html>")
    here = Store(tmp_path / "here")
    with pytest.raises(ValueError, match="is damaged: File is not a zip file"):
        archive.unpack(here, here.runs(block), file)


def test_an_archive_that_is_not_there_is_a_message(there, tmp_path):
    _, block, _ = there
    code, said = pgstudy("train", block.to_json(), "gone.zip", cwd=tmp_path)
    assert code != 0
    assert "'gone.zip' does not exist" in said
    assert not (tmp_path / "results").exists()


def test_an_image_of_other_code_is_named(there, tmp_path):
    """Its runs have other keys, so nothing of them counts here."""
    _, block, file = there

    def other(name, data):
        if name.endswith("run.json"):
            record = json.loads(data)
            record["made_by"]["torch"] = "2.0.0"
            data = json.dumps(record).encode()
        return f"other{name}", data

    changed(file, other)
    here = Store(tmp_path / "here")
    with pytest.raises(ValueError, match=r"torch is 2\.0\.0 there, 2.* here; make"):
        archive.unpack(here, here.runs(block), file)
    assert not list(here.results.glob("runs/*"))


def test_a_job_that_did_not_end_a_run_is_named(there, tmp_path):
    _, block, file = there
    first = block.keys[0]
    changed(file, lambda n, d: None if n == f"{first}/run.json" else d)
    here = Store(tmp_path / "here")
    with pytest.raises(ValueError, match=r"lacks .*: its job did not end it"):
        archive.unpack(here, here.runs(block), file)
