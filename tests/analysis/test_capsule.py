"""The capsule: a valid RO-Crate that holds all, and notices a changed byte."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from pgstudy.analysis.reproduce import capsule, capsule_check, unpacking
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from tests.conftest import SMOKE
from tests.experiment.test_user_code import BOTH, FILES, keys, written
from tests.warm import pgstudy
from tests.workflow.project import smoke_study


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The path of a capsule of twelve real runs."""
    results = (
        smoke_study(tmp_path_factory)
        .copy(tmp_path_factory.mktemp("capsule") / "smoke")
        .results
    )
    made = StudyFolder(Store(results), load_study(SMOKE), results / "smoke")
    return capsule.pack(made)


def repacked(packed, folder, change):
    """The capsule with something changed in its folder."""
    zipfile.ZipFile(packed).extractall(folder / "capsule")
    change(folder / "capsule")
    made = shutil.make_archive(str(folder / "changed"), "zip", folder / "capsule")
    return Path(made)


def test_a_capsule_holds_config_code_lock_runs_and_results(packed):
    """And says so of itself in RO-Crate's terms."""
    names = zipfile.ZipFile(packed).namelist()
    for name in (
        "ro-crate-metadata.json",
        "manifest-sha256.txt",
        "code/Snakefile",
        "code/requirements.lock",
        "code/config/config.yaml",
        "code/src/pgstudy/learning/reinforce.py",
        "code/workflow/rules/train.smk",
        "results/smoke/study.json",
        "results/smoke/report.html",
        "results/smoke/tables/runs.csv",
        "results/smoke/figures/final_return.pdf",
        "results/smoke/paper/numbers.tex",
        "code/LICENSE",
        "code/docs/design.md",
    ):
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


def test_an_untouched_capsule_passes(packed, tmp_path, monkeypatch):
    """In any folder; nothing of the folder is imported, nor of the study's own keys."""
    for name in ("pgstudy", "pandas", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert "its runs give its tables" in capsule_check.check(packed)


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
    with pytest.raises(unpacking.DamagedCapsule, match=words):
        capsule_check.check(file)


def test_tables_that_do_not_follow_from_the_runs_are_found(packed, tmp_path):
    """Even if the checksums were made to fit."""

    def better(folder):
        table = folder / "results/smoke/tables/summary.csv"
        table.write_text(table.read_text().replace("ShortCorridor", "LongCorridor"))
        manifest = folder / unpacking.CHECKSUMS
        name = "results/smoke/tables/summary.csv"
        lines = [
            f"{unpacking.file_digest(table)}  {name}" if line.endswith(name) else line
            for line in manifest.read_text().splitlines()
        ]
        manifest.write_text("\n".join(lines))

    with pytest.raises(unpacking.DamagedCapsule, match=r"another summary\.csv"):
        capsule_check.check(repacked(packed, tmp_path, better))


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
        "git",
        "lock",
        "python",
        "platform",
        "cpu",
        "threads",
        "command",
        "packages",
        "torch",
        "numpy",
        "gymnasium",
        "learning",
    } <= set(record["made_by"])
    assert record["made_by"]["packages"]["snakemake"]


# A data file below the folder for temporary files would count as one.
ELSEWHERE = {"TMPDIR": "/var/tmp"}


def in_folder(folder, *arguments, **variables):
    """A command by itself, if a variable is one that Python reads."""
    if not variables:
        return pgstudy(*arguments, folder=folder, **ELSEWHERE)
    command = [sys.executable, "-P", "-m", "pgstudy", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | ELSEWHERE | variables,
    )


def made(folder, study):
    """A study with code of its own: planned, trained, its tables made."""
    plan = in_folder(folder, "plan", json.dumps(study))
    assert plan.returncode == 0, plan.stderr
    file = f"results/{study['study']}/study.json"
    code = (
        "import pathlib, sys; from pgstudy.experiment.training import block; "
        "from pgstudy.cli.common import opened; "
        "made = opened(pathlib.Path(sys.argv[1])); "
        "[block.train_block(made.store, b) for b in made.study.blocks()]"
    )
    command = [sys.executable, "-P", "-c", code, file]
    subprocess.run(command, cwd=folder, env=os.environ | ELSEWHERE, check=True)
    tables = in_folder(folder, "tables", file)
    assert tables.returncode == 0, tables.stderr
    return file


def test_a_users_code_is_packed_and_works_elsewhere(tmp_path):
    """All of it; and the check needs none of it, in another folder."""
    project = written(tmp_path / "project")
    study = BOTH | {"sample_counts": [1], "seeds": 1, "seeds_per_job": 1}
    file = made(project, study)
    done = in_folder(project, "capsule", "pack", file)
    assert done.returncode == 0, done.stderr
    packed = project / "results/mazes/capsule.zip"
    names = set(zipfile.ZipFile(packed).namelist())
    used = FILES.keys() - {"notes.py", "data/more.txt"}
    assert {f"code/{name}" for name in used} <= names
    (tmp_path / "other").mkdir()
    done = in_folder(tmp_path / "other", "capsule", "check", str(packed))
    assert "its runs give its tables" in done.stdout, done.stderr
    unpacking.unpack(packed, tmp_path / "copy")
    assert keys(tmp_path / "copy/code", study) == keys(project, study)


def test_what_cant_be_checked_elsewhere_is_not_packed(tmp_path):
    """Data that lie far away, tables that are not those of the runs."""
    project = written(tmp_path / "project")
    study = BOTH | {"sample_counts": [1], "seeds": 1, "seeds_per_job": 1}
    far = tmp_path / "far.txt"
    far.write_text("1")
    code = FILES["floor.py"].replace("'data/tiles.txt'", repr(str(far)))
    (project / "floor.py").write_text(code)
    file = made(project, study)
    refused(project, file, "reads far.txt; put it beside the code")
    (project / "floor.py").write_text(FILES["floor.py"])
    refused(project, file, "its runs give another")


def refused(project, file, words):
    done = in_folder(project, "capsule", "pack", file)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr
    assert "no capsule was packed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "results/mazes/capsule.zip").exists()


def test_a_capsule_is_checked_without_the_environments_packages(tmp_path):
    """MuJoCo, here; where it can't be imported, its runs still give their tables."""
    pytest.importorskip("mujoco")
    study = {
        "study": "muscles",
        "seeds": 1,
        "seeds_per_job": 1,
        "sample_counts": [1],
        "bins": 5,
        "estimators": [{"name": "total-return"}],
        "defaults": {"updates": 2, "optimizer": {"learning_rate": 1e-5}},
        "environments": [{"id": "InvertedPendulum-v5"}],
    }
    file = made(tmp_path, study)
    assert in_folder(tmp_path, "capsule", "pack", file).returncode == 0
    (tmp_path / "without").mkdir()
    (tmp_path / "without/sitecustomize.py").write_text(
        "import sys; sys.modules['mujoco'] = None"
    )
    without = {"PYTHONPATH": str(tmp_path / "without")}
    packed = str(tmp_path / "results/muscles/capsule.zip")
    done = in_folder(tmp_path, "capsule", "check", packed, **without)
    assert "its runs give its tables" in done.stdout, done.stderr
    # study.json is enough for what comes after planning; planning makes environments
    assert in_folder(tmp_path, "tables", file, **without).returncode == 0
    assert in_folder(tmp_path, "plan", json.dumps(study), **without).returncode == 1
