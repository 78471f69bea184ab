"""Real Snakemake calls on the smoke study, in a folder of their own."""

import json
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from tests.conftest import ROOT, SMOKE
from tests.workflow.project import NOTHING, Project, smoke_study, summary


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The smoke study, in a copy of this module's own."""
    return smoke_study(tmp_path_factory).copy(tmp_path_factory.mktemp("w") / "finished")


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished study, to be changed; Snakemake's records come along."""
    return finished.copy(tmp_path / "copy")


def test_one_call_leaves_everything(finished):
    """Report, tables, figures, tracked runs; and no stray files elsewhere."""
    made = finished.results / "smoke"
    assert (made / "report.html").stat().st_size > 10_000
    assert len(pd.read_csv(made / "tables" / "runs.csv")) == 12
    assert len(list((made / "figures").iterdir())) == 10 * 4
    assert len(list((made / "paper").iterdir())) == 2 * 2 * 3 + 2
    assert {p.name for p in finished.folder.iterdir()} == {
        ".snakemake",
        "results",
        "study.yaml",
    }


def test_mlflow_holds_what_the_files_hold(finished):
    """One experiment, a FINISHED run per key, the same last numbers."""
    client = MlflowClient(f"sqlite:///{finished.results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("smoke")
    entries = client.search_runs([experiment.experiment_id], "tags.current = 'true'")
    runs = pd.read_csv(finished.results / "smoke" / "tables" / "runs.csv")
    assert sorted(e.data.tags["key"] for e in entries) == sorted(runs["key"])
    steps = {e.data.tags["key"]: e.data.metrics["env_steps"] for e in entries}
    assert steps == dict(zip(runs["key"], runs["env_steps"], strict=True))
    assert {e.info.status for e in entries} == {"FINISHED"}
    query = "tags.`pgstudy.level` = 'study'"
    (study,) = client.search_runs([experiment.experiment_id], query)
    kept = Path(study.info.artifact_uri.removeprefix("file://"))
    made = finished.results / "smoke"
    report = (kept / "report.html").read_bytes()
    assert report == (made / "report.html").read_bytes()
    figures = {p.name for p in (kept / "figures").iterdir()}
    assert figures == {p.name for p in (made / "figures").iterdir()}


def test_snakemakes_own_report_has_captions_and_categories(finished):
    """One archive with the figures, the tables, the claims and our report."""
    archive = finished.folder / "results" / "report.zip"
    finished.succeed("--report", str(archive))
    with zipfile.ZipFile(archive) as packed:
        names = {Path(name).name for name in packed.namelist()}
        index = packed.read("report/report.html").decode()
    archive.unlink()
    figures = {p.name for p in (finished.results / "smoke/figures").glob("*.svg")}
    assert {*figures, "report.html", "claims.csv", "summary.csv"} <= names
    assert all(f'"{name}"' in index for name in ("Figures", "Tables", "Claims"))
    assert "intervals are 95 % intervals over seeds" in index


def test_a_second_call_has_nothing_to_do(finished):
    """And a dry run, and one with keys in another order and other spellings."""
    assert NOTHING in finished.succeed()
    shuffled = dict(reversed(SMOKE.items()))
    text = yaml.safe_dump(shuffled, sort_keys=False)
    assert "learning_rate: 1e-3" in text
    for other in (text, text.replace("1e-3", "0.001"), text.replace("2000", "2.0e+3")):
        finished.config.write_text(other)
        assert finished.jobs() == {}
    (finished.config).touch()
    (ROOT / "README.md").touch()
    assert finished.jobs() == {}
    finished.write(SMOKE)


def test_values_on_the_command_line_are_those_of_the_file(finished):
    """Lists arrive as text and mean numbers (case 2)."""
    assert finished.jobs("--config", "seeds=[0,1]", "sample_counts=[1,4]") == {}
    assert finished.jobs("--config", "seeds=2") == {}
    assert finished.jobs("--config", "defaults={evaluation_episodes: 5}") == {}
    assert finished.jobs("--config", "defaults={evaluation_episodes: 6}")["train"] == 6


def test_a_seed_added_trains_just_that_seed(project):
    """The runs that are there keep their files."""
    before = project.run_folders()
    project.write(SMOKE | {"seeds": [0, 1, 2]})
    assert project.jobs()["train"] == 6
    project.succeed(summary())
    after = project.run_folders()
    assert {k: after[k] for k in before} == before
    assert len(after) == len(before) + 6
    assert all("seed2-" in k.name for k in set(after) - set(before))


def test_a_seed_removed_trains_nothing_and_leaves_the_tables(project):
    """Its results are gone from the tables though its folder is there (case 23)."""
    project.write(SMOKE | {"seeds": [1]})
    assert "train" not in project.jobs()
    project.succeed(summary())
    runs = pd.read_csv(project.results / "smoke" / "tables" / "runs.csv")
    assert set(runs["seed"]) == {1}
    assert len(project.run_folders()) == 12


def test_a_learning_rate_changed_and_changed_back(project):
    """Just that environment's runs are trained; the earlier ones are found again."""
    changed = json.loads(json.dumps(SMOKE))
    changed["environments"][0]["optimizer"]["learning_rate"] = 0.01
    project.write(changed)
    assert project.jobs()["train"] == 3
    project.succeed(summary())
    before = project.run_folders()
    assert len(before) == 18
    project.write(SMOKE)
    assert "train" not in project.jobs()
    project.succeed(summary())
    assert project.run_folders() == before


def test_a_deleted_run_is_trained_again(project):
    """Exactly that one, to the same bits."""
    before = project.run_folders()
    victim = sorted(before)[0]
    digest = json.loads((victim / "run.json").read_text())["digest"]
    shutil.rmtree(victim)
    assert project.jobs()["train"] == 1
    project.succeed(summary())
    after = project.run_folders()
    assert json.loads((victim / "run.json").read_text())["digest"] == digest
    assert {k for k in after if after[k] != before[k]} == {victim}


def test_a_lost_mlflow_store_is_made_again(project):
    """The mirror is made from the files; nothing is trained."""
    (project.results / "mlflow.db").unlink()
    assert project.jobs() == {"all": 1, "track": 1, "tracked": 1, "report": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["leraning_rate=0.1"], ["unknown key 'leraning_rate'"]),
        (["seeds=0,1"], ["'0,1'", "seeds='[0,1]'"]),
        (["sample_counts=[0]"], ["sample_counts[0]: 0 is too small"]),
        (["study=../x"], ["study: '../x'"]),
    ],
)
def test_a_mistake_is_a_message_and_nothing_is_written(tmp_path, arguments, words):
    """Exit code not 0, no traceback, no file (case 19)."""
    project = Project(tmp_path, SMOKE)
    result = project.snakemake("--config", *arguments)
    assert result.returncode != 0
    assert all(word in result.text for word in words), result.text
    assert "Traceback" not in result.text
    assert not project.results.exists()


def test_the_default_study_is_read_without_a_config_file(tmp_path):
    """From any folder; a file given instead inherits nothing of it."""
    project = Project(tmp_path, SMOKE)
    text = project.succeed("-n", config=False)
    assert "what-does-n-buy" in text
    assert "what-does-n-buy" not in project.succeed("-n")


def test_the_first_failure_does_not_stop_the_others(tmp_path):
    """A job that can't write is named, the rest is done, the exit code is not 0."""
    project = Project(tmp_path, SMOKE)
    blocked = project.results / "runs" / "CartPole-v1" / "total-return" / "N1"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    result = project.snakemake()
    assert result.returncode != 0
    assert len(project.run_folders()) == 10
    blocked.unlink()
    project.succeed(summary())
    assert len(project.run_folders()) == 12
