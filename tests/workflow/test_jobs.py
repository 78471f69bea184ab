"""README's table: what Snakemake makes again after each change, counted."""

import os
import shutil
import subprocess

import pytest
import yaml

from tests.conftest import ROOT, SMOKE
from tests.workflow.project import NOTHING, Project, smoke_study, variables

SOURCES = ("Snakefile", "README.md", "requirements.lock", "workflow", "profiles", "src")
LAST = {"all": 1, "report": 1, "tracked": 1}
DRAWN = LAST | {"figures": 1, "environment_figures": 2, "paper": 1}
TABLES = DRAWN | {
    "plan": 1,
    "tables": 1,
    "track": 1,
    "measure": 6,
    "gradients": 2,
    "claims": 1,
    "proofs": 1,
    "recordings": 1,
}

# It is of no policy that is measured.
OTHERS = ("plan", "measure", "gradients", "proofs")
WITHOUT_A_RUN = {k: v for k, v in TABLES.items() if k not in OTHERS} | {"train": 1}


class Tree(Project):
    """A copy of the project with sources of its own, which its calls import."""

    def command(self):
        places = (self.folder / "fake", self.folder / "src")
        path = {"PYTHONPATH": os.pathsep.join(map(str, places))}
        return ["snakemake", "--cores", "2"], self.folder, variables() | path

    def replace(self, file, old, new):
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def append(self, file, text="\n# another word\n"):
        path = self.folder / file
        path.write_text(path.read_text() + text)


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The smoke study and its sources in a repository of their own."""
    tree = Tree(tmp_path_factory.mktemp("jobs") / "tree", SMOKE)
    folder = tree.folder
    for name in SOURCES:
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        place = folder / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=ignore)
        else:
            shutil.copy(ROOT / name, place)
    (folder / ".gitignore").write_text("results\n.snakemake\nfake\n__pycache__\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        git(folder, *arguments)
    made = smoke_study(tmp_path_factory).folder
    for name in ("results", ".snakemake"):
        shutil.copytree(made / name, folder / name)
    return tree


@pytest.fixture
def tree(finished, tmp_path):
    """A copy of it, to be changed; times and Snakemake's records come along."""
    return finished.copy(tmp_path / "tree")


def one_setting(tree):
    tree.replace("study.yaml", "learning_rate: 1e-3", "learning_rate: 2e-3")


def seed_added(tree):
    tree.write(SMOKE | {"seeds": 3})


def seed_removed(tree):
    tree.write(SMOKE | {"seeds": 1})


def learning_file(tree):
    tree.append("src/pgstudy/learning/estimators/weights.py")


def other_torch(tree):
    place = tree.folder / "fake" / "torch-9.9.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9")


def plot_style(tree):
    tree.append("src/pgstudy/analysis/figures/style.py")


def report_template(tree):
    tree.append("src/pgstudy/analysis/report/templates/report.html.j2", "<!-- word -->")


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
        (run_deleted, WITHOUT_A_RUN),
        (learning_file, TABLES | {"train": 6}),
        (other_torch, TABLES | {"train": 6}),
        (plot_style, DRAWN),
        (report_template, LAST | {"paper": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_jobs_after_each_change(tree, change, jobs):
    """By `snakemake -n`; what follows training is made from new manifests."""
    change(tree)
    assert tree.jobs() == jobs


def test_nothing_is_made_again_after_what_changes_no_number(tree):
    """One change on top of the other, and the first after none at all."""
    assert tree.jobs() == {}
    for change in (comments, order_of_keys, spelling_of_numbers, touch):
        change(tree)
        assert tree.jobs() == {}, change.__name__


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
    files = finished.times()
    for _ in range(5):
        assert NOTHING in finished.succeed()
    assert finished.times() == files
