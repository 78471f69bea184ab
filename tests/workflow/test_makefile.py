"""The Makefile, by real calls of make in a copy; nothing is installed."""

import shutil
import subprocess

import pytest

from tests.conftest import ROOT


def project(folder):
    """A project with its Makefile and what .venv is made from."""
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder, *arguments):
    # `false` is no Python: the call ends where the environment would be made
    command = ["make", "PYTHON=false", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("character", list('"$`\\:'))
@pytest.mark.parametrize("target", ["study", "test"])
def test_a_path_that_no_environment_can_have_is_told(tmp_path, character, target):
    folder = project(tmp_path / f"my{character}project")
    done = make(folder, target)
    assert done.returncode != 0
    assert f"The project's folder is {folder}: Python's environments" in done.stderr
    assert "false" not in done.stdout
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("name", ["plain", "a b", "it's #1 (50%) é & co; ~*?[x]=,"])
def test_any_other_path_gets_as_far_as_the_environment(tmp_path, name):
    done = make(project(tmp_path / name), "study")
    assert "false -m venv .venv" in done.stdout
    assert "project's folder" not in done.stderr


@pytest.mark.parametrize("linked", [False, True])
def test_clean_leaves_the_results_folder_and_its_readme(tmp_path, linked):
    """Also where results is a link to a folder on another disk."""
    folder, place = project(tmp_path / "project"), tmp_path / "disk"
    if linked:
        place.mkdir()
        (folder / "results").symlink_to(place)
    else:
        place = folder / "results"
    for name in ("README.md", "runs/a/run.json", ".call.lock", "mlflow.db"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    for name in (".snakemake/log", ".venv/installed"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    done = make(folder, "clean")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (folder / "results").iterdir()] == ["README.md"]
    assert (folder / "results").is_symlink() == linked
    assert not (folder / ".snakemake").exists()
    assert (folder / ".venv/installed").exists()
