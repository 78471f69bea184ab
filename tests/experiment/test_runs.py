"""The run store: atomic, and never wrong about what is complete."""

import hashlib
import json
import shutil
import stat
import subprocess
import sys
from typing import get_args

import pyarrow.parquet as pq
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.record import COMPLETE, Provenance
from pgstudy.experiment.store.runs import FILES, Store
from pgstudy.experiment.system.files import (
    canonical_json,
    file_digest,
    write_atomically,
    write_json,
)
from pgstudy.experiment.training import block as training
from pgstudy.experiment.training import saving
from pgstudy.learning.results import Status
from pgstudy.learning.training import train


@pytest.fixture
def block(smoke):
    smoke["defaults"]["updates"] = 3
    for entry in smoke["environments"]:
        del entry["env_steps"]
    return next(load_study(smoke).blocks())


def test_a_block_is_trained_once(tmp_path, block, monkeypatch):
    """A second call trains nothing and the manifest names the runs."""
    store = Store(tmp_path)
    assert training.train_block(store, block) == []
    store.settle(block)
    named = json.loads(store.manifest(block).read_text())["runs"]
    assert [(tmp_path / "runs" / f).is_dir() for f in named] == [True, True]
    monkeypatch.setattr(training, "train", None)
    assert training.train_block(store, block) == []


def test_run_json_says_what_the_files_hold(tmp_path, block):
    """Summary, digest, versions and threads."""
    store = Store(tmp_path)
    training.train_block(store, block)
    run = store.run(block.cell, 0)
    record = run.record()
    assert record.status == "finished"
    assert record.updates == pq.read_table(run.folder / "updates.parquet").num_rows
    assert record.key == block.cell.key(0)
    assert record.made_by["threads"] == 1
    assert {"torch", "numpy", "gymnasium", "python", "cpu"} <= set(record.made_by)


@pytest.mark.parametrize("name", [*FILES, "run.json"])
def test_a_missing_file_makes_a_run_incomplete(tmp_path, block, name):
    """Just that run is trained again; what else there is, is left alone."""
    store = Store(tmp_path)
    training.train_block(store, block)
    store.settle(block)
    run = store.run(block.cell, 1)
    (run.folder / name).unlink()
    assert [r.seed for r in store.missing(block)] == [1]
    assert [r.seed for r in store.settle(block)] == [1]
    assert store.has_manifest(block)


@pytest.mark.parametrize("text", ["", "{", '{"runs": []}'])
def test_a_damaged_manifest_is_noticed_and_made_again(tmp_path, block, text):
    """It is what `settle` writes, or it is none."""
    store = Store(tmp_path)
    training.train_block(store, block)
    assert not store.has_manifest(block)
    store.settle(block)
    assert store.has_manifest(block)
    store.manifest(block).write_text(text)
    assert not store.has_manifest(block)
    store.settle(block)
    assert store.has_manifest(block)


def test_every_file_of_a_run_is_for_whom_the_umask_says(tmp_path, block):
    """Whatever modes the libraries choose that write it (safetensors: 0600)."""
    code = "from pgstudy.cli import main; main()"
    for umask, mode in ((0o022, 0o644), (0o007, 0o660)):
        place = tmp_path / oct(umask)
        subprocess.run(
            [sys.executable, "-c", code, "train", block.to_json(), "--results", place],
            umask=umask,
            check=True,
        )
        files = [p for p in place.rglob("*") if p.is_file() and "locks" not in p.parts]
        assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {mode}
        assert len(files) >= 2 * len(FILES)


def test_a_run_is_set_aside_though_others_were_taken_away_by_hand(tmp_path, block):
    """The first number that is free."""
    store = Store(tmp_path)
    places = []
    for _ in range(4):
        training.train_block(store, block)
        places.append(store.set_aside(store.run(block.cell, 0)))
        if len(places) == 3:
            shutil.rmtree(places[0])
            shutil.rmtree(places[1])
    assert [place.name[-2:] for place in places] == ["-1", "-2", "-3", "-1"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"status": "failed"}'])
def test_a_damaged_record_is_no_complete_run(tmp_path, block, text):
    """Half a file, or a failure, is never taken for a result."""
    store = Store(tmp_path)
    training.train_block(store, block)
    (store.run(block.cell, 0).folder / "run.json").write_text(text)
    assert [r.seed for r in store.missing(block)] == [0]


def test_a_failing_run_takes_no_other_with_it(tmp_path, block, monkeypatch, capsys):
    """It is kept as failed with its traceback; the block's others are complete."""
    real = training.train

    def train(specification, seed, *others):
        if seed == 0:
            raise RuntimeError("the environment fell over")
        return real(specification, seed, *others)

    monkeypatch.setattr(training, "train", train)
    store = Store(tmp_path)
    (failed,) = training.train_block(store, block)
    assert failed.record().status == "failed"
    assert "fell over" in failed.record().traceback
    assert "fell over" in capsys.readouterr().err
    assert store.run(block.cell, 1).is_complete()


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    """And no temporary file."""
    write_json(tmp_path / "x.json", {"a": 1})

    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "x.json", fail)
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


def test_a_diverged_run_is_complete_and_says_why(tmp_path, smoke, capsys):
    """The largest learning rate of a config: a message, a curve, no retry."""
    smoke["environments"][1] |= {"optimizer": {"learning_rate": 1e38}, "updates": 9}
    del smoke["environments"][1]["env_steps"]
    block = next(b for b in load_study(smoke).blocks() if b.cell.threshold)
    store = Store(tmp_path)
    assert training.train_block(store, block) == []
    record = store.run(block.cell, 0).record()
    assert record.status == "diverged"
    assert f"at update {record.stopped_at}" in capsys.readouterr().err
    assert store.missing(block) == []


@pytest.mark.parametrize("name", [*FILES, "run.json"])
@pytest.mark.parametrize("how", ["cut", "changed"])
def test_a_damaged_file_is_set_aside_and_trained_again(
    tmp_path, block, name, how, capsys
):
    """Found by its digest, said by name, and the same bits come back."""
    store = Store(tmp_path)
    training.train_block(store, block)
    run = store.run(block.cell, 0)
    digest, content = run.record().digest, (run.folder / name).read_bytes()
    middle = len(content) // 2
    other = b"1" if content[middle : middle + 1] != b"1" else b"2"
    changed = content[:middle] + other + content[middle + 1 :]
    (run.folder / name).write_bytes(content[:middle] if how == "cut" else changed)
    assert [r.seed for r in store.missing(block)] == [0]
    assert run.status() == "missing"
    assert training.train_block(store, block) == []
    said = capsys.readouterr().err
    assert f"{run.name}: {name} is damaged; set aside in" in said
    assert store.missing(block) == []
    assert run.record().digest == digest
    (aside,) = (tmp_path / "set-aside").iterdir()
    assert (aside / name).read_bytes() != content


def test_what_a_kill_left_half_written_is_no_damage(tmp_path, block, capsys):
    """Files without a record, and temporary ones, are written over."""
    store = Store(tmp_path)
    training.train_block(store, block)
    run = store.run(block.cell, 0)
    (run.folder / "run.json").unlink()
    (run.folder / ".updates.parquet.1234abcd").write_text("half")
    training.train_block(store, block)
    assert not (tmp_path / "set-aside").exists()
    assert sorted(p.name for p in run.folder.iterdir()) == sorted([*FILES, "run.json"])


def test_run_json_is_what_it_was_before_records_had_a_type(tmp_path, block):
    """Byte for byte, of a complete run and of one that failed, but for where it ran."""
    store = Store(tmp_path)
    training.train_block(store, block)
    cell, run = block.cell, store.run(block.cell, 0)
    result = train(cell.specification, 0)
    made = Provenance(made_by={"cpu": "a slide rule"}, started=2.5, seconds=1.0)
    known = {
        "environment": cell.environment,
        "estimator": cell.estimator,
        "n": cell.n,
        "seed": 0,
        "key": run.key,
        "made_of": cell.identity.environment,
        "specification": cell.specification.to_dict(),
        "made_by": {"cpu": "a slide rule"},
        "started": 2.5,
        "seconds": 1.0,
        "resumed": False,
        "host": "",
        "job": "",
    }
    saving.save(run, result, made)
    summary = {
        "status": result.status,
        "stopped_at": result.stopped_at,
        "reason": result.reason,
        "updates": len(result.updates["update"]),
        "env_steps": int(result.episodes["length"].sum()),
        "episodes": len(result.episodes["length"]),
        "evaluation": {k: v.tolist() for k, v in result.evaluation.items()},
        "global_generators": list(result.global_generators),
        "warnings": list(result.warnings),
        "digest": result.digest(),
        "files": {name: file_digest(run.folder / name) for name in FILES},
    }
    assert (run.folder / "run.json").read_text() == signed(known | summary)
    assert run.is_complete()
    saving.save_failure(run, RuntimeError("it fell over"), made)
    failure = {
        "status": "failed",
        "reason": "it fell over",
        "traceback": "RuntimeError: it fell over\n",
    }
    assert (run.folder / "run.json").read_text() == signed(known | failure)
    assert run.status() == "failed"


def test_every_end_of_a_training_is_a_complete_run():
    """The store names them anew: it imports no torch."""
    assert get_args(Status) == COMPLETE


def signed(record):
    """The text of run.json, with its own digest."""
    digest = hashlib.sha256(canonical_json(record).encode()).hexdigest()
    return json.dumps(record | {"sha256": digest}, indent=1, sort_keys=True) + "\n"


def test_a_record_of_an_earlier_or_later_version_is_read(tmp_path, block):
    """Without the fields that came later, or with some that are not known here."""
    store = Store(tmp_path)
    training.train_block(store, block)
    run = store.run(block.cell, 0)
    file = run.folder / "run.json"
    data = json.loads(file.read_text())
    for name in ("sha256", "made_of", "global_generators", "warnings", "resumed"):
        del data[name]
    file.write_text(signed(data | {"weather": "fine"}))
    assert run.is_complete()
    assert run.record().warnings == []
    assert run.record().digest == data["digest"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "fine"},
        {"status": []},
        {"started": "yesterday"},
        {"n": True},
        {"files": "none"},
        {"evaluation": {"final": ["high"]}},
        {"made_by": None},
    ],
)
def test_a_record_with_values_of_other_types_is_damaged(tmp_path, block, change):
    """Though its own digest fits."""
    run = Store(tmp_path).run(block.cell, 0)
    made = Provenance(made_by={}, started=0.0)
    run.write_record(run.recorded(made, "failed"))
    assert run.status() == "failed"
    file = run.folder / "run.json"
    data = json.loads(file.read_text()) | change
    del data["sha256"]
    file.write_text(signed(data))
    assert run.record() is None
    assert run.damaged() == "run.json"
    assert run.status() == "missing"
