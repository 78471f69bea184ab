"""The capsule: a valid RO-Crate that holds all, and notices a changed byte."""

import json
import shutil
import subprocess
import sys
import zipfile

import pytest
from rocrate.rocrate import ROCrate

from pgstudy.analysis import capsule, products
from pgstudy.experiment import provenance, training
from pgstudy.experiment.loading import load_study
from pgstudy.experiment.runs import Store, write_json
from tests.conftest import SMOKE


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The path of a capsule of twelve real runs."""
    results = tmp_path_factory.mktemp("capsule") / "results"
    study, store = load_study(SMOKE), Store(results)
    for block in study.blocks():
        training.train_block(store, block)
    folder = results / "smoke"
    write_json(folder / "study.json", {"config": study.config, "published": {}})
    for step in products.STEPS:
        step(store, study, folder)
    return capsule.pack(store, study, folder)


def repacked(packed, folder, change):
    """The capsule with something changed in its folder."""
    zipfile.ZipFile(packed).extractall(folder / "capsule")
    change(folder / "capsule")
    return shutil.make_archive(str(folder / "changed"), "zip", folder / "capsule")


def test_a_capsule_holds_config_code_lock_runs_and_results(packed):
    """And says so of itself in RO-Crate's terms."""
    names = zipfile.ZipFile(packed).namelist()
    for name in (
        "ro-crate-metadata.json", "manifest-sha256.txt", "code/Snakefile",
        "code/requirements.lock", "code/config/config.yaml",
        "code/src/pgstudy/learning/reinforce.py", "code/workflow/rules/train.smk",
        "results/smoke/study.json", "results/smoke/report.html",
        "results/smoke/tables/runs.csv", "results/smoke/figures/final_return.pdf",
        "results/smoke/paper/numbers.tex",
    ):  # fmt: skip
        assert name in names, name
    assert sum(name.endswith("/run.json") for name in names) == 12
    assert not any("__pycache__" in name for name in names)


def test_other_tools_can_read_it(packed, tmp_path):
    """rocrate opens it again: workflow, action with times, profiles."""
    zipfile.ZipFile(packed).extractall(tmp_path)
    crate = ROCrate(tmp_path)
    assert crate.mainEntity.id == "code/Snakefile"
    (action,) = crate.get_by_type("CreateAction")
    assert action["startTime"] <= action["endTime"]
    assert action["instrument"].id == "code/Snakefile"
    assert len(crate.root_dataset["conformsTo"]) == 3


def test_an_untouched_capsule_passes(packed, monkeypatch):
    """Also where the learning code is another by now, and all keys with it."""
    assert "its runs give its tables" in capsule.check(packed)
    other = provenance.numeric_identity() | {"learning": "another"}
    monkeypatch.setattr("pgstudy.experiment.study.numeric_identity", lambda: other)
    assert "its runs give its tables" in capsule.check(packed)


def changed_byte(folder):
    path = folder / "code/README.md"
    path.write_bytes(path.read_bytes() + b" ")


def lost_file(folder):
    (folder / "results/smoke/report.html").unlink()


def extra_file(folder):
    (folder / "results/smoke/more.txt").write_text("more")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed_byte, "code/README.md is not what was packed"),
        (lost_file, "results/smoke/report.html is missing"),
        (extra_file, "results/smoke/more.txt is extra"),
    ],
)
def test_a_change_is_named(packed, tmp_path, change, words):
    """A byte, a file lost, a file added."""
    file = repacked(packed, tmp_path, change)
    with pytest.raises(capsule.DamagedCapsule, match=words):
        capsule.check(file)


def test_tables_that_do_not_follow_from_the_runs_are_found(packed, tmp_path):
    """Even if the checksums were made to fit."""

    def better(folder):
        table = folder / "results/smoke/tables/summary.csv"
        table.write_text(table.read_text().replace("ShortCorridor", "LongCorridor"))
        manifest = folder / capsule.CHECKSUMS
        name = "results/smoke/tables/summary.csv"
        lines = [
            f"{capsule.file_digest(table)}  {name}" if line.endswith(name) else line
            for line in manifest.read_text().splitlines()
        ]
        manifest.write_text("\n".join(lines))

    with pytest.raises(capsule.DamagedCapsule, match=r"another summary\.csv"):
        capsule.check(repacked(packed, tmp_path, better))


def test_what_is_no_capsule_is_a_message(tmp_path):
    """By the command, with exit code 1."""
    (tmp_path / "a.zip").write_text("no zip")
    command = [sys.executable, "-m", "pgstudy", "capsule", "check"]
    for name in ("a.zip", "b.zip"):
        done = subprocess.run(
            [*command, str(tmp_path / name)], capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "can't be used" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_record_of_a_run_says_what_made_it(packed):
    """Commit, lock, versions, machine, threads, command, start and duration."""
    archive = zipfile.ZipFile(packed)
    name = next(n for n in archive.namelist() if n.endswith("run.json"))
    record = json.loads(archive.read(name))
    assert {"started", "seconds", "resumed", "digest", "files"} <= set(record)
    assert {
        "git", "lock", "python", "platform", "cpu", "threads", "command", "packages",
        "torch", "numpy", "gymnasium", "learning",
    } <= set(record["made_by"])  # fmt: skip
    assert record["made_by"]["packages"]["snakemake"]
