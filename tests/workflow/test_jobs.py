"""README's table: what Snakemake makes again after each change, counted."""

import os
import shutil
import subprocess

import pytest
import yaml

from tests.conftest import ROOT, SMOKE
from tests.workflow.test_workflow import NOTHING, Project

SOURCES = ("Snakefile", "README.md", "requirements.lock", "workflow", "profiles", "src")
LAST = {"all": 1, "report": 1, "tracked": 1}
DRAWN = LAST | {"figures": 1, "paper": 1}
TABLES = DRAWN | {
    "plan": 1, "tables": 1, "track": 1, "gradients": 2, "claims": 1, "recordings": 1,
}  # fmt: skip


class Tree(Project):
    """A copy of the project with sources of its own, which its calls import."""

    def snakemake(self, *arguments, config=True):
        command = ["snakemake", "--cores", "2", *arguments]
        command += ["--configfile", "study.yaml"] if config else []
        environment = {k: v for k, v in os.environ.items() if "MLFLOW" not in k}
        places = (self.folder / "fake", self.folder / "src")
        environment["PYTHONPATH"] = os.pathsep.join(map(str, places))
        result = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        result.text = result.stdout + result.stderr
        return result

    def replace(self, file, old, new):
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def append(self, file, text="\n# another word\n"):
        with (self.folder / file).open("a") as open_file:
            open_file.write(text)


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The smoke study, made once in a repository of its own."""
    folder = tmp_path_factory.mktemp("jobs") / "tree"
    folder.mkdir()
    for name in SOURCES:
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        place = folder / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=ignore)
        else:
            shutil.copy(ROOT / name, place)
    (folder / ".gitignore").write_text("results\n.snakemake\nfake\n__pycache__\n")
    tree = Tree(folder)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        git(folder, *arguments)
    tree.succeed()
    return tree


@pytest.fixture
def tree(finished, tmp_path):
    """A copy of it, to be changed; times and Snakemake's records come along."""
    shutil.copytree(finished.folder, tmp_path / "tree")
    return Tree(tmp_path / "tree")


def one_setting(tree):
    tree.replace("study.yaml", "learning_rate: 1e-3", "learning_rate: 2e-3")


def seed_added(tree):
    tree.write(SMOKE | {"seeds": 3})


def seed_removed(tree):
    tree.write(SMOKE | {"seeds": 1})


def learning_file(tree):
    tree.append("src/pgstudy/learning/estimators.py")


def other_torch(tree):
    place = tree.folder / "fake" / "torch-9.9.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9")


def plot_style(tree):
    tree.append("src/pgstudy/analysis/style.py")


def report_template(tree):
    tree.append("src/pgstudy/analysis/templates/report.html.j2", "<!-- word -->")


def run_deleted(tree):
    shutil.rmtree(sorted(tree.run_folders())[0])


def comments(tree):
    for file in ("README.md", "study.yaml", "Snakefile", "workflow/rules/train.smk"):
        tree.append(file)


def order_of_keys(tree):
    text = yaml.safe_dump(dict(reversed(SMOKE.items())), sort_keys=False)
    tree.config.write_text(text)


def spelling_of_numbers(tree):
    tree.replace("study.yaml", "learning_rate: 1e-3", "learning_rate: 0.0010")
    tree.replace("study.yaml", "2000", "2.0e+3")


def touch(tree):
    for place in (tree.folder / "src", tree.folder / "workflow", tree.config):
        for file in (place, *place.rglob("*.py"), *place.rglob("*.smk")):
            file.touch()


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        (one_setting, TABLES | {"train": 3}),
        (seed_added, TABLES | {"train": 6}),
        (seed_removed, TABLES),
        (run_deleted, {"train": 1}),
        (learning_file, {"train": 6}),
        (other_torch, {"train": 6}),
        (plot_style, DRAWN),
        (report_template, LAST),
        (comments, {}),
        (order_of_keys, {}),
        (spelling_of_numbers, {}),
        (touch, {}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_jobs_after_each_change(tree, change, jobs):
    """By `snakemake -n`; what follows training is made from new manifests."""
    assert tree.jobs() == {}
    change(tree)
    planned = tree.jobs()
    if "all" in jobs or not jobs:
        assert planned == jobs
    else:
        assert planned.pop("train") == jobs["train"]
        assert planned == {k: v for k, v in TABLES.items() if k != "plan"}


def test_stale_runs_say_why(tree):
    """How many, what it was and what it is."""
    other_torch(tree)
    assert "12 runs are stale: torch was 2." in (text := tree.succeed("-n"))
    assert ", is 9.9" in text
    learning_file(tree)
    text = tree.succeed("-n")
    assert "12 runs are stale: the code in src/pgstudy/learning was" in text


def test_another_clone_of_the_same_commit_has_nothing_to_do(finished, tmp_path):
    """Other paths and other times of every source; the results brought along."""
    git(tmp_path, "clone", "-q", str(finished.folder), "clone")
    shutil.copytree(finished.results, tmp_path / "clone" / "results")
    assert Tree(tmp_path / "clone").jobs() == {}


def test_five_calls_in_a_row_have_nothing_to_do(finished):
    """Real ones, not dry ones; not a file is written."""
    files = {p: p.stat().st_mtime_ns for p in finished.results.rglob("*.*")}
    for _ in range(5):
        assert NOTHING in finished.succeed()
    assert {p: p.stat().st_mtime_ns for p in finished.results.rglob("*.*")} == files
