"""MLflow in trouble: real servers, on SQLite and PostgreSQL, and real kills."""

import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.tracking import experiments
from pgstudy.experiment.tracking.mirror import tracking_uri
from pgstudy.experiment.training.block import train_block
from tests import warm
from tests.experiment.servers import Server

CONFIG = {
    "study": "trouble",
    "seeds": 12,
    "seeds_per_job": 12,
    "sample_counts": [1],
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "updates": 300,
            "evaluation_episodes": 1,
            "optimizer": {"learning_rate": 1e-4},
        }
    ],
    "estimators": [{"name": "total-return"}],
}
KEPT = os.environ.copy()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Twelve runs and no MLflow: (results, study file)."""
    results = tmp_path_factory.mktemp("trouble") / "results"
    study = load_study(CONFIG)
    for block in study.blocks():
        train_block(Store(results), block)
    write_plan(results / "trouble" / "study.json", Plan(study))
    return results


@pytest.fixture
def results(trained, tmp_path, monkeypatch):
    """A copy of its own for each test."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(trained, tmp_path / "results")
    return tmp_path / "results"


def track(results, uri=None):
    environment = {k: v for k, v in KEPT.items() if k != "MLFLOW_TRACKING_URI"}
    given = {"MLFLOW_TRACKING_URI": uri} if uri else {}
    file = results / "trouble" / "study.json"
    return warm.start("track", file, environment=environment | given)


def entries(uri):
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("trouble")
    if experiment is None:
        return client, []
    return client, list(client.search_runs([experiment.experiment_id]))


def wait_for_entries(uri, count):
    for _ in range(600):
        try:
            if len(entries(uri)[1]) >= count:
                return
        except Exception:  # the store is being set up
            pass
        time.sleep(0.05)
    raise AssertionError("no entry came")


def assert_whole(uri, results):
    """One FINISHED entry per key, with every metric of the files; none RUNNING."""
    study = load_study(CONFIG)
    client, found = entries(uri)
    runs = [Store(results).run(study.cells[0], seed) for seed in study.seeds]
    keys = sorted(run.key for run in runs)
    assert sorted(e.data.tags["key"] for e in found) == keys
    assert {e.info.status for e in found} == {"FINISHED"}
    by_key = {e.data.tags["key"]: e for e in found}
    for run in runs:
        table = pd.read_parquet(run.folder / "updates.parquet")
        entry = by_key[run.key]
        last = table["mean_return"].iloc[-1]
        assert entry.data.metrics["mean_return"] == last
        history = client.get_metric_history(entry.info.run_id, "mean_return")
        assert len(history) == 100
        assert "final_evaluation_return" in entry.data.metrics


def test_an_uploader_killed_in_the_middle_leaves_nothing_double(results, migrated):
    """kill -9 while runs are going up; the next sync makes it whole."""
    # two that set a store up at once would be in each other's way
    store = shutil.copy(migrated, results.resolve() / "mlflow.db")
    uri = f"sqlite:///{store}"
    process = track(results)
    wait_for_entries(uri, 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(entries(uri)[1]) < 12
    again = track(results)
    assert again.wait() == 0, again.stderr.read()
    assert_whole(uri, results)


def test_a_moved_project_is_mended_by_one_command(results, migrated, tmp_path):
    """The mirror is made again from the files, with addresses of the new place."""
    shutil.copy(migrated, results / "mlflow.db")
    assert track(results).wait() == 0
    moved = tmp_path / "elsewhere" / "results"
    moved.parent.mkdir()
    results.rename(moved)
    (moved / "mlflow.db").unlink()
    assert track(moved).wait() == 0
    uri = f"sqlite:///{moved.resolve() / 'mlflow.db'}"
    assert_whole(uri, moved)
    client, found = entries(uri)
    for entry in found:
        path = client.download_artifacts(entry.info.run_id, "run.json", str(tmp_path))
        assert entry.data.tags["key"] in Path(path).read_text()


def test_a_deleted_experiment_is_known_before_training(results):
    """One message with the way out; nothing where all is well or nothing is there."""
    assert experiments.trouble(results, "trouble") is None
    assert track(results).wait() == 0
    assert experiments.trouble(results, "trouble") is None
    client, found = entries(tracking_uri(results))
    client.delete_experiment(found[0].info.experiment_id)
    assert "mlflow experiments restore" in experiments.trouble(results, "trouble")


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request, migrated, tmp_path):
    """The address of a store for a server."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'server.db')}"


def test_a_server_killed_in_the_middle_is_caught_up_with(backend, results, tmp_path):
    """A message within seconds, no traceback; then exactly one entry per key."""
    server = Server(backend, tmp_path / "artifacts")
    server.start()
    try:
        process = track(results, server.uri)
        wait_for_entries(server.uri, 3)
    finally:
        server.kill()
    start = time.monotonic()
    said = process.communicate()[1]
    assert process.returncode == 1
    assert time.monotonic() - start < 60
    assert f"MLflow at {server.uri} can't be used" in said
    assert "Traceback" not in said
    server.start()
    try:
        again = track(results, server.uri)
        assert again.wait() == 0, again.stderr.read()
        assert_whole(server.uri, results)
    finally:
        server.kill()
