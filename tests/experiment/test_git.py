"""The commit that a run is said to be of: real repositories, real settings."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from pgstudy.analysis.tables.rows import run_row
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance import git
from pgstudy.experiment.store.differences import from_this_machine
from pgstudy.experiment.store.provenance import facts
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.tracking import entities as mlflow_entities
from pgstudy.experiment.training import block as training
from tests.conftest import ROOT

ASK = (
    "import json; from pgstudy.experiment.provenance import git; "
    "print(json.dumps([dict(git.state()), str(git.SOURCES)]))"
)


def run_git(folder, *arguments):
    names = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b.c",
        "-c",
        "init.defaultBranch=m",
    ]
    command = ["git", "-C", str(folder), *names, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def unpacked(folder):
    """The sources, in no repository of their own."""
    cut = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", folder / "src", ignore=cut)
    (folder / "README.md").write_text("by hand\n")
    return folder


@pytest.fixture
def clone(tmp_path):
    """A repository of its own, with the sources committed."""
    folder = unpacked(tmp_path / "clone")
    run_git(folder, "init")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-m", "all")
    return folder


def state_of(folder, home=None, **variables):
    """What a fresh process says of the sources in `folder`."""
    own = {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    if home is not None:
        own |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "xdg")}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | own | variables,
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    state, sources = json.loads(done.stdout)
    assert sources == str(folder)
    return state


def nothing_known(state):
    return state["commit"] is None and state["dirty"] is None and state["reason"]


def test_a_clean_clone_is_its_commit_and_an_edit_is_seen(clone):
    """Also one that is staged, a file removed, and a file added to the index."""
    clean = {"commit": run_git(clone, "rev-parse", "HEAD"), "dirty": False}
    assert state_of(clone) == clean
    found = []
    for change in (
        lambda: (clone / "README.md").write_text("changed\n"),
        lambda: run_git(clone, "add", "."),
        lambda: (clone / "README.md").unlink(),
    ):
        change()
        found.append(state_of(clone))
    run_git(clone, "checkout", "HEAD", "README.md")
    assert state_of(clone) == clean
    (clone / "src/pgstudy/more.py").write_text("")
    run_git(clone, "add", ".")
    found.append(state_of(clone))
    assert all(s["commit"] == clean["commit"] and s["dirty"] for s in found)
    assert len({s["diff"] for s in found}) == 3  # staged or not is no difference


def test_only_a_newer_time_stamp_is_no_change(clone):
    """Its bytes are the same, whatever the index remembers."""
    (clone / "README.md").touch()
    os.utime(clone / "README.md", (1, 1))
    assert state_of(clone)["dirty"] is False


SETTINGS = {
    "an external diff": ("config", "diff.external", "true"),
    "colours": ("config", "color.ui", "always"),
    "line ends": ("config", "core.autocrlf", "true"),
    "no prefix": ("config", "diff.noprefix", "true"),
    "a monitor": ("config", "core.fsmonitor", "true"),
    "unseen changes": ("update-index", "--assume-unchanged", "README.md"),
    "skipped": ("update-index", "--skip-worktree", "README.md"),
}


@pytest.mark.parametrize("words", SETTINGS)
def test_no_setting_makes_changed_code_read_clean(clone, words):
    """Those of the repository itself are the closest to the files."""
    run_git(clone, *SETTINGS[words])
    assert state_of(clone)["dirty"] is False
    (clone / "README.md").write_text("changed\n")
    assert state_of(clone)["dirty"] is True


def test_the_users_own_settings_and_attributes_do_nothing(clone, tmp_path):
    """~/.gitconfig with an external diff, colours, and a filter for every file."""
    home = tmp_path / "home"
    (home / "xdg/git").mkdir(parents=True)
    (home / ".gitconfig").write_text(
        "[diff]\n external = true\n[color]\n ui = always\n"
        '[filter "gone"]\n clean = cat /dev/null\n'
    )
    (home / "xdg/git/attributes").write_text("* filter=gone -diff\n")
    assert state_of(clone, home)["dirty"] is False
    (clone / "README.md").write_text("changed\n")
    dirty = state_of(clone, home, GIT_EXTERNAL_DIFF="true")
    assert dirty["dirty"] is True
    assert dirty == state_of(clone)


def test_sources_in_another_repository_are_not_of_its_commit(tmp_path):
    """Neither below its top, nor there, where it does not track them."""
    other = tmp_path / "other"
    other.mkdir()
    run_git(other, "init")
    run_git(other, "commit", "--allow-empty", "-m", "thesis")
    state = state_of(unpacked(other / "tools" / "pgstudy"))
    assert nothing_known(state) == "the sources lie in another project's repository"
    state = state_of(unpacked(other))
    assert nothing_known(state) == "the repository does not track the sources"


def test_variables_that_name_another_repository_do_nothing(clone, tmp_path):
    """As a git hook sets them."""
    other = tmp_path / "other"
    other.mkdir()
    run_git(other, "init")
    run_git(other, "commit", "--allow-empty", "-m", "thesis")
    places = {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / ".git/index",
    }
    state = state_of(clone, **{name: str(place) for name, place in places.items()})
    assert state == {"commit": run_git(clone, "rev-parse", "HEAD"), "dirty": False}


def test_no_repository_no_commit_and_no_git_say_so(tmp_path):
    """Null for both, with the reason."""
    folder = unpacked(tmp_path / "folder")
    assert "no git repository" in nothing_known(state_of(folder))
    run_git(folder, "init")
    run_git(folder, "add", ".")
    assert "no commit" in nothing_known(state_of(folder))
    assert nothing_known(state_of(folder, PATH="")) == "git is not installed"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_clone_of_somebody_else_is_not_known(clone):
    """Git refuses to read it."""
    for place in (clone, clone / ".git"):
        os.chown(place, 12345, 12345)
    assert "belongs to another user" in nothing_known(state_of(clone))


@pytest.mark.parametrize("dirty", [None, False])
def test_what_is_not_known_reads_unknown_everywhere(smoke, tmp_path, dirty):
    """In runs.csv, the report's facts, `doctor` and MLflow; old records too."""
    smoke["environments"] = smoke["environments"][:1]
    store, study = Store(tmp_path / "results"), load_study(smoke | {"seeds": [0]})
    block = next(study.blocks())
    training.train_block(store, block)
    (run,) = store.runs(block)
    record = run.record()
    made = record.made_by | {"git": {"commit": None, "dirty": dirty}}
    run.write_record(replace(record, made_by=made))
    assert run_row(run, None)["commit"] == git.UNKNOWN
    tags = mlflow_entities.tags(study, run, run.record())
    assert (tags["git_commit"], tags["git_dirty"]) == ("unknown", "unknown")
    (fact,) = [fact for fact in facts([run]) if fact.name == "commit"]
    assert fact.value == "unknown: not recorded"
    (line,) = [ln for ln in from_this_machine([run]) if ln.startswith("git")]
    assert line.startswith("git: unknown in 1 of 1 runs")
