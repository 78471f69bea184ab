"""Products that are not what was written: seen by a dry run, made again by a call."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.system import places
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.files import file_digest
from tests import warm
from tests.conftest import ROOT
from tests.warm import variables
from tests.workflow.project import NOTHING, TUNED, Project, summary, tuned_study

MANY = {
    "study": "many",
    "seeds": 60,
    "seeds_per_job": 1,
    "sample_counts": [1],
    "environments": [{"id": "ShortCorridor-v0", "updates": 1, "max_episode_steps": 20}],
    "estimators": [{"name": "total-return"}],
    "defaults": {"evaluation_episodes": 0, "optimizer": {"learning_rate": 1e-3}},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The study that chooses its learning rates; only to be looked at."""
    return tuned_study(tmp_path_factory)


@pytest.fixture
def project(finished, tmp_path):
    return finished.copy(tmp_path / "copy")


@pytest.fixture(scope="module")
def looked_at(finished, tmp_path_factory):
    """A copy that each test leaves as it was."""
    return finished.copy(tmp_path_factory.mktemp("damage") / "copy")


def everything(project):
    """Time and digest of all files but logs and locks."""
    return {
        p: (p.stat().st_mtime_ns, file_digest(p))
        for p in project.results.rglob("*")
        if p.is_file() and p.suffix != ".log" and "locks" not in p.parts
    }


PRODUCTS = [
    ("tuned/study.json", "plan"),
    ("tuned/chosen.json", "choose"),
    ("tuned/tracked.json", "track"),
    ("tuned/tables/summary.csv", "tables"),
    ("tuned/gradients/corridor.csv", "gradients"),
    ("tuned/gradients/parts/corridor/total-return/end.csv", "measure"),
    ("tuned/claims.csv", "claims"),
    ("tuned/recordings/recordings.json", "recordings"),
    ("tuned/recordings/corridor-best.webp", "recordings"),
    ("tuned/figures/final_return.png", "figures"),
    ("tuned/figures/gradients-corridor.csv", "environment_figures"),
    ("tuned/paper/numbers.tex", "paper"),
    ("tuned/report.html", "report"),
    ("tuned-tuning/study.json", "plan"),
    ("tuned-tuning/tables/summary.csv", "tables"),
    ("tuned-tuning/tracked.json", "track"),
]


GONE = [(*product, "gone") for product in PRODUCTS if "-tuning" not in product[0]][1::3]
EDITED = [(*product, "edited") for product in PRODUCTS]


@pytest.mark.parametrize(("name", "rule", "how"), EDITED + GONE)
def test_a_dry_run_names_what_is_damaged_and_plans_it(looked_at, name, rule, how):
    """It changes no file, and shows no traceback."""
    file = looked_at.results / name
    content, time = file.read_bytes(), file.stat().st_mtime_ns
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(b"{" + content[2:])
    before = everything(looked_at)
    text = looked_at.snakemake("-n")
    after = everything(looked_at)
    file.write_bytes(content)
    os.utime(file, ns=(time, time))
    assert text.returncode == 0, text.text
    text = text.text
    was = "is missing" if how == "gone" else "is not what was written"
    assert f"results/{name} {was}; it is made again" in text
    assert f"rule {rule}:" in text or f"checkpoint {rule}:" in text
    assert "Traceback" not in text
    assert after == before


def test_all_of_it_is_made_again_by_one_call(project):
    """To the same bytes, but for MLflow's ids; and then there is nothing to do."""
    names = [name for name, _ in PRODUCTS]
    before = {name: file_digest(project.results / name) for name in names}
    for name in names:
        file = project.results / name
        file.write_bytes(file.read_bytes()[:-5])
    text = project.succeed()
    after = {name: file_digest(project.results / name) for name in names}
    assert {name for name in names if before[name] != after[name]} <= {
        "tuned/tracked.json",
        "tuned-tuning/tracked.json",
    }
    assert all(f"results/{name} is not what was written" in text for name in names)
    assert NOTHING in project.succeed()


@pytest.mark.parametrize("whose", ["tuned", "tuned-tuning"])
@pytest.mark.parametrize("how", ["damaged", "deleted", "manifest"])
def test_lost_runs_of_a_tuned_study_are_trained_again(project, whose, how):
    """Those that are reported, and those that it was tuned by; nothing is drawn."""
    targets = [summary("tuned"), summary("tuned-tuning")]
    seed = 0 if whose == "tuned" else 10_000
    (folder, *_) = sorted((project.results / "runs").rglob(f"seed{seed}-*"))
    if how == "deleted":
        shutil.rmtree(folder)
    else:
        (folder / "updates.parquet").write_bytes(b"")
    if how == "manifest":
        shutil.rmtree(project.results / "manifests")
    if (whose, how) != ("tuned", "manifest"):  # a dry run can't see past a checkpoint
        assert project.jobs()["train"] == 1
    project.succeed(*targets)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    assert NOTHING in project.succeed(*targets)


def test_a_lost_or_empty_mlflow_store_is_made_again(project):
    """An empty file is no store either; it is set aside."""
    store = project.results / "mlflow.db"
    store.write_bytes(b"")
    assert project.jobs() == {"all": 1, "track": 2, "tracked": 1, "report": 1}
    text = project.succeed()
    assert "does not hold what results/tuned/tracked.json says" in text
    assert (project.results / "set-aside" / "mlflow.db-1").stat().st_size == 0
    assert store.stat().st_size > 10_000
    assert NOTHING in project.succeed()


def test_what_a_killed_step_left_is_removed_by_the_next_call(project):
    """A figure half-written; a dry run leaves it alone."""
    left = project.results / "tuned" / "figures" / ".final_return.svg.1234abcd"
    left.write_text("half")
    project.succeed("-n")
    assert left.exists()
    project.succeed()
    assert not left.exists()


def test_a_dry_run_changes_nothing_and_waits_for_nobody(project):
    """While a call works: it takes no lock, and deletes no receipt of another study."""
    other = project.results / "another" / "tracked.json"
    other.parent.mkdir()
    other.write_text("{")
    (project.results / "mlflow.db").unlink()
    hold = (
        "import filelock, sys, time; "
        "lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); time.sleep(600)"
    )
    lock = project.results / places.CALL_LOCK
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(lock)], stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        before = everything(project)
        assert project.jobs()["track"] == 2
        for listing in ("--list", "--summary", "--dag", "--unlock"):
            assert project.snakemake(listing).returncode == 0
        result = project.snakemake()
        assert result.returncode != 0
        assert "another snakemake call works on results/" in result.text
        assert "Traceback" not in result.text
        assert everything(project) == before
        holder.send_signal(signal.SIGKILL)


def test_all_that_lies_below_results_is_a_study_or_a_taken_name(finished):
    """So no study may be called what something else writes."""
    names = {path.name for path in finished.results.iterdir()}
    assert {"progress", "runs", "mlflow.db"} <= names
    assert names - {"tuned", "tuned-tuning"} <= set(places.TAKEN)
    for name in names & set(places.TAKEN):
        if not name.startswith("."):
            with pytest.raises(ConfigError, match=f"study: '{name}' is taken"):
                load_study(TUNED | {"study": name})


TRAIN = """
import json, sys
from pathlib import Path
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training.block import train_block
store = Store(Path(sys.argv[1]))
for block in load_study(json.loads(sys.argv[2])).blocks():
    assert train_block(store, block) == []
    store.settle(block)
"""


def test_no_manifest_is_lost_while_others_only_look(tmp_path):
    """60 blocks trained one by one, while dry runs and jobs' processes look."""
    project = Project(tmp_path / "many", MANY)
    command = ["snakemake", "--cores", "1", "-s", str(ROOT / "Snakefile")]
    command += ["-d", str(project.folder), "--nolock"]
    targets = ["results/many/tables/summary.csv", "--configfile", str(project.config)]
    looks = [
        [*command, "-n", *targets],
        [*command, "--mode", "subprocess", "-n", *targets],
    ]
    arguments = [str(project.results), json.dumps(MANY)]
    with subprocess.Popen([sys.executable, "-c", TRAIN, *arguments]) as writer:
        count = 0
        while writer.poll() is None:
            look = looks[count % 2]
            assert warm.run(look, ROOT, variables()).returncode == 0
            count += 1
    assert writer.returncode == 0
    assert count >= 4
    blocks = list(load_study(MANY).blocks())
    found = list(Path(project.results / "manifests").rglob("*.json"))
    assert len(found) == len(blocks) == 60
