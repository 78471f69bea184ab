"""The study itself as a run in MLflow, in a real store and at a real server."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from pgstudy.analysis.steps import make
from pgstudy.experiment.store.digests import record
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.system.files import file_digest
from pgstudy.experiment.tracking import study_entry, upload
from pgstudy.experiment.tracking.mirror import tracking_uri
from pgstudy.experiment.tracking.owner import owner
from tests.commands import pgstudy
from tests.conftest import ROOT
from tests.experiment.servers import Server
from tests.experiment.test_tracking import (  # noqa: F401
    folder,
    ready,
    store,
    trained,
)


@pytest.fixture
def made(ready):  # noqa: F811
    """A study with its tables, which are made by the step itself, and its runs."""
    results, study, runs = ready
    made = folder(results, study)
    make("tables", made)
    write_plan(made.path / "study.json", Plan(study))
    return made, runs


@pytest.fixture(params=["store", "server"])
def place(request, made, migrated, tmp_path, monkeypatch):
    """With the runs in its own database, or at a server that keeps the files."""
    if request.param == "store":
        yield made
        return
    database = shutil.copy(migrated, tmp_path / "server.db")
    with Server(f"sqlite:///{database}", tmp_path / "kept") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        yield made


def found(folder):
    """A client, and the entries of the study itself."""
    client = MlflowClient(tracking_uri(folder.store.results))
    experiment = client.get_experiment_by_name(folder.study.name).experiment_id
    return client, study_entry.entries(client, experiment, owner(folder.store.results))


def test_a_study_is_a_run_that_is_replaced_when_it_changes(place, tmp_path):
    """Its files, config and numbers; uploads of runs leave it alone."""
    study_folder, runs = place
    upload.sync(study_folder, runs)
    assert study_entry.upload(study_folder) == "uploaded"
    assert study_entry.upload(study_folder) == "unchanged"
    upload.sync(study_folder, runs)
    client, (entry,) = found(study_folder)
    assert entry.info.status == "FINISHED"
    assert "current" not in entry.data.tags
    kept = client.download_artifacts(entry.info.run_id, "", str(tmp_path))
    config = yaml.safe_load((tmp_path / kept / "study.yaml").read_text())
    assert config == json.loads(json.dumps(study_folder.study.config))
    summary = study_folder.path / "tables" / "summary.csv"
    sent = tmp_path / kept / "tables" / "summary.csv"
    assert sent.read_bytes() == summary.read_bytes()
    table = pd.read_csv(summary)
    assert {
        f"final_return/ShortCorridor-v0/total-return/N{row.n}/rate0.001"
        for row in table.itertuples()
    } <= set(entry.data.metrics)
    add_law(study_folder)
    assert study_entry.upload(study_folder) == "uploaded"
    (other,) = found(study_folder)[1]
    assert other.info.run_id != entry.info.run_id
    expected = pd.read_csv(study_folder.path / "law" / "laws.csv")
    for law in expected.itertuples():
        where = f"{law.environment}/{law.estimator}"
        assert other.data.metrics[f"s_min/{where}"] == law.s_min
        assert other.data.metrics[f"e_min/{where}"] == law.e_min
        assert other.data.metrics[f"critical_n/{where}"] == law.critical_n


def add_law(folder):
    """That of the stored trade-off study."""
    file = folder.path / "law" / "laws.csv"
    file.parent.mkdir()
    shutil.copy(ROOT / "docs" / "data" / "flagship" / "laws.csv", file)
    record(folder.path, "law", {"law/laws.csv": file_digest(file)})


def test_one_that_a_kill_cut_short_is_made_again(made):
    """And there is one, whatever was there."""
    study_folder, runs = made
    report = upload.sync(study_folder, runs)
    ours = owner(study_folder.store.results)
    client = MlflowClient(report.uri)
    tags = ours.tags | study_entry.LEVEL
    client.create_run(report.experiment_id, tags=tags)
    others = client.create_run(report.experiment_id, tags=tags | {"store": "another"})
    assert study_entry.upload(study_folder) == "uploaded"
    (entry,) = found(study_folder)[1]
    assert entry.info.status == "FINISHED"
    assert client.get_run(others.info.run_id).info.lifecycle_stage == "active"


def test_a_store_that_is_away_is_a_message(made, monkeypatch):
    """After the runs were uploaded; and what `track` met before is said, too."""
    study_folder, runs = made
    file = study_folder.path / "study.json"
    receipt = study_folder.path / "tracked.json"
    receipt.write_text(json.dumps(vars(upload.sync(study_folder, runs))))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, said = pgstudy("tracked", file)
    assert code == 1
    assert "MLflow at http://127.0.0.1:9 can't be used" in said
    assert "Traceback" not in said
    receipt.write_text(json.dumps({"trouble": "it rained"}))
    code, said = pgstudy("tracked", file)
    assert code == 1
    assert "pgstudy: it rained" in said
