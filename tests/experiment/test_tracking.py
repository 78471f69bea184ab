"""The mirror in a real SQLite store."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import pandas as pd
import pytest
from mlflow import MlflowClient
from selenium import webdriver

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.tracking import entities as mlflow_entities
from pgstudy.experiment.tracking import experiments, known, server
from pgstudy.experiment.tracking import upload as tracking
from pgstudy.experiment.tracking.mirror import tracking_uri
from pgstudy.experiment.tracking.owner import owner
from pgstudy.experiment.training import block as training
from tests.experiment.servers import free_port


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny study, trained once for the module."""
    results = tmp_path_factory.mktemp("trained")
    config = {
        "study": "tiny",
        "seeds": 2,
        "sample_counts": [1, 1000],
        "environments": [{"id": "ShortCorridor-v0", "max_episode_steps": 20}],
        "estimators": [{"name": "total-return"}],
        "defaults": {"updates": 4, "optimizer": {"learning_rate": 1e-3}},
    }
    study = load_study(config)
    for block in study.blocks():
        training.train_block(Store(results), block)
    return results, study


@pytest.fixture
def store(trained, tmp_path, monkeypatch):
    """A copy of the trained runs with no MLflow yet: (results, study, runs)."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    results = tmp_path / "results"
    shutil.copytree(trained[0], results)
    study = trained[1]
    runs = [Store(results).run(c, seed) for c in study.cells for seed in study.seeds]
    return results, study, runs


@pytest.fixture
def ready(store, migrated):
    """The same with an empty store in its place."""
    shutil.copy(migrated, store[0] / "mlflow.db")
    return store


def folder(results, study):
    return StudyFolder(Store(results), study, results / study.name)


def entries(results, study, query=""):
    client = MlflowClient(tracking_uri(results))
    experiment = client.get_experiment_by_name(study.name)
    return client, list(client.search_runs([experiment.experiment_id], query))


def test_mlflow_equals_the_files(store):
    """Names, params, tags, every metric of every update, artifacts."""
    results, study, runs = store
    report = tracking.sync(folder(results, study), runs)
    assert (report.uploaded, report.unchanged, report.replaced) == (4, 0, 0)
    client, found = entries(results, study, "tags.current = 'true'")
    assert {e.info.status for e in found} == {"FINISHED"}
    by_key = {e.data.tags["key"]: e for e in found}
    for run in runs:
        entry = by_key[run.key]
        assert entry.info.run_name == (
            f"N={run.cell.n} seed={run.seed} total-return ShortCorridor-v0 "
            "learning_rate=0.001"
        )
        commit = entry.data.tags["git_commit"]
        assert entry.data.tags.get("mlflow.source.git.commit", "unknown") == commit
        assert f"seed {run.seed}" in entry.data.tags["mlflow.note.content"]
        (data,) = client.get_run(entry.info.run_id).inputs.dataset_inputs
        assert data.dataset.name == "ShortCorridor-v0"
        assert json.loads(data.dataset.source) == {
            "id": "ShortCorridor-v0",
            "kwargs": {},
        }
        assert entry.data.params["n"] == str(run.cell.n)
        assert entry.data.params["optimizer.learning_rate"] == "0.001"
        table = pd.read_parquet(run.folder / "updates.parquet").set_index("update")
        table["trajectories"] = table.pop("episodes")
        assert list(table["trajectories"]) == [run.cell.n * u for u in range(1, 5)]
        for name in table.columns:
            history = client.get_metric_history(entry.info.run_id, name)
            values = pd.Series({m.step: m.value for m in history}).sort_index()
            expected = table[name].astype(float)
            if expected.nunique() == 1:  # its two ends say it all
                expected = expected.iloc[[0, -1]]
            assert values.to_dict() == expected.to_dict()
        artifacts = {a.path for a in client.list_artifacts(entry.info.run_id)}
        assert {"run.json", "updates.parquet", "policy.safetensors"} <= artifacts


def test_a_second_sync_adds_nothing(ready):
    """Same runs, same ids."""
    results, study, runs = ready
    first = tracking.sync(folder(results, study), runs)
    second = tracking.sync(folder(results, study), runs)
    assert (second.uploaded, second.unchanged) == (0, 4)
    assert second.runs == first.runs


def test_a_changed_run_replaces_its_entry(ready):
    """One current entry per key, with the new content hash (case 7)."""
    results, study, runs = ready
    tracking.sync(folder(results, study), runs)
    runs[0].write_record(replace(runs[0].record(), digest="new"))
    report = tracking.sync(folder(results, study), runs)
    assert (report.uploaded, report.replaced) == (1, 1)
    key = runs[0].key
    (entry,) = entries(results, study, f"tags.key = '{key}'")[1]
    assert entry.data.tags["content_hash"] == "new"


def test_an_upload_that_a_kill_cut_short_is_made_again(ready):
    """No entry of the study stays RUNNING."""
    results, study, runs = ready
    tracking.sync(folder(results, study), runs[1:])
    client, (experiment_id) = (
        MlflowClient(tracking_uri(results)),
        entries(results, study)[1][0].info.experiment_id,
    )
    for key in (runs[0].key, "of-no-run"):
        client.create_run(experiment_id, tags={"key": key})
    tracking.sync(folder(results, study), runs)
    found = entries(results, study)[1]
    assert len(found) == 4
    assert {e.info.status for e in found} == {"FINISHED"}


def test_a_database_is_asked_for_what_a_search_finds(ready):
    """Entries that run included; deleted ones, others' and other studies' not."""
    results, study, runs = ready
    tracking.sync(folder(results, study), runs)
    client, found = entries(results, study)
    experiment, uri = found[0].info.experiment_id, tracking_uri(results)
    ours = owner(results)
    client.create_run(experiment, tags={"key": runs[0].key} | ours.tags)
    client.create_run(experiment, tags={"key": runs[0].key, "store": "another"})
    client.create_run(experiment)
    client.create_run(client.create_experiment("another"), tags={"key": "k"})
    client.delete_run(found[1].info.run_id)
    asked = known.entries(client, uri, experiment, ours)
    searched = known.entries(client, "http://a-server", experiment, ours)
    assert asked == searched
    assert sum(map(len, asked.values())) == 4
    assert [e.status for e in asked[runs[0].key]] == ["RUNNING", "FINISHED"]


def test_a_run_no_longer_asked_for_is_not_current(ready):
    """And is current again, without an upload, when it is asked for again."""
    results, study, runs = ready
    tracking.sync(folder(results, study), runs)
    tracking.sync(folder(results, study), runs[1:])
    assert len(entries(results, study, "tags.current = 'true'")[1]) == 3
    assert tracking.sync(folder(results, study), runs).uploaded == 0
    assert len(entries(results, study, "tags.current = 'true'")[1]) == 4


@pytest.mark.parametrize("address", ["the store's own", "of the variable"])
def test_a_deleted_experiment_is_restored_by_the_line_that_is_printed(
    ready, migrated, tmp_path, monkeypatch, address
):
    """Copied into a shell in another folder, as it stands."""
    results, study, _ = ready
    place = tmp_path / "it's the place"
    results = results.rename(place)
    runs = Store(results).every_run(study)
    if address == "of the variable":
        another = shutil.copy(migrated, tmp_path / "another.db")
        uri = f"sqlite:///{another}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    tracking.sync(folder(results, study), runs[:1])
    client, found = entries(results, study)
    client.delete_experiment(found[0].info.experiment_id)
    with pytest.raises(experiments.TrackingError, match="was deleted") as caught:
        tracking.sync(folder(results, study), runs)
    _, line = str(caught.value).split("\n")
    assert "another.db" not in line
    subprocess.run(line, shell=True, check=True, cwd="/")
    assert tracking.sync(folder(results, study), runs).uploaded == 3


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9",
        "postgresql://127.0.0.1:9/db",
        "http://u:s3cret@[::1/",
        "sqlite:nowhere",
        "foo://127.0.0.1",
    ],
)
def test_an_address_that_is_dead_or_none_is_a_message_within_seconds(
    store, monkeypatch, address
):
    """The retries are bounded; MLflow's own defaults block for minutes."""
    results, study, runs = store
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    shown = re.escape(f"MLflow at {address.replace('u:s3cret@', '')} can't be used")
    start = time.monotonic()
    assert re.match(shown, experiments.trouble(results, study.name))
    with pytest.raises(experiments.TrackingError, match=shown):
        tracking.sync(folder(results, study), runs)
    with pytest.raises(server.ServerError, match=shown):
        server.links(results, "")
    assert time.monotonic() - start < 60


def test_many_syncs_at_once_on_a_new_store(store):
    """The lock lets one in at a time, and the store is whole (case 1).

    Their imports are done once, so they are there at the same time.
    """
    results, study, runs = store
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([tracking.__name__])
    workers = [
        context.Process(target=tracking.sync, args=(folder(results, study), runs))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert len(entries(results, study)[1]) == 4


def test_long_tables_are_thinned_with_both_ends():
    """At most so many points a metric."""
    table = pd.DataFrame({"update": range(1, 10_001)})
    thin = mlflow_entities.thinned(table)["update"]
    assert len(thin) == mlflow_entities.POINTS_PER_METRIC == 100
    assert (thin.iloc[0], thin.iloc[-1]) == (1, 10_000)
    assert thin.is_unique


def test_a_run_without_one_update_has_no_curves(store):
    """It diverged in the evaluation of its untrained policy."""
    _, _, runs = store
    run = runs[0]
    table = pd.read_parquet(run.folder / "updates.parquet")
    table.iloc[:0].to_parquet(run.folder / "updates.parquet")
    nothing = {"untrained": [], "final": []}
    record = replace(run.record(), updates=0, evaluation=nothing)
    assert list(mlflow_entities.metrics(run, record, 0, 1)) == []


def shown(link, words):
    """What Chromium shows at a link, once it shows these words."""
    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(option)
    options.add_argument("--window-size=1400,900")
    if found := shutil.which("chromium"):
        options.binary_location = found
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options, service) as browser:
        browser.get(link)
        for _ in range(300):
            text = browser.find_element("tag name", "body").text
            if words in text:
                return text
            time.sleep(0.2)
    raise AssertionError(text)


def wait_for(url, process):
    for _ in range(300):
        assert process.poll() is None
        try:
            return urllib.request.urlopen(url, timeout=5).status
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer")


def test_a_server_is_used_where_the_variable_names_one(
    store, migrated, tmp_path, monkeypatch
):
    """MLFLOW_TRACKING_URI with a real server: runs, metrics and artifacts arrive."""
    results, study, runs = store
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--port", address.rsplit(":", 1)[1], "--backend-store-uri"]
    database = shutil.copy(migrated, tmp_path / "server.db")
    command += [f"sqlite:///{database}", "--artifacts-destination"]
    # it keeps runs alone: none of the eight processes for MLflow's jobs
    variables = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(
        [*command, str(tmp_path / "kept")], cwd=tmp_path, env=variables
    ) as process:
        try:
            wait_for(f"{address}/health", process)
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            assert tracking.sync(folder(results, study), runs).uploaded == 4
            assert tracking.sync(folder(results, study), runs).unchanged == 4
            client, found = entries(results, study, "tags.current = 'true'")
            assert len(found) == 4
            assert client.list_artifacts(found[0].info.run_id)
        finally:
            process.terminate()
    assert not (results / "mlflow.db").exists()


def test_an_experiment_says_what_it_is_unless_somebody_says_it(ready):
    """The study's N and seeds; a description that a user wrote stays."""
    results, study, runs = ready
    place = tracking.sync(folder(results, study), runs).experiment_id
    client = MlflowClient(tracking_uri(results))
    said = client.get_experiment(place).tags["mlflow.note.content"]
    assert said.startswith("Study `tiny` of pgstudy: ")
    assert "- N: 1, 1000\n" in said
    assert "- seeds: 0, 1\n" in said
    tracking.sync(folder(results, replace(study, seeds=(0,))), runs[:1])
    assert "- seeds: 0\n" in client.get_experiment(place).tags["mlflow.note.content"]
    client.set_experiment_tag(place, "mlflow.note.content", "mine")
    tracking.sync(folder(results, study), runs)
    assert client.get_experiment(place).tags["mlflow.note.content"] == "mine"


def test_the_ui_serves_the_runs_and_prints_their_link(ready):
    """Once it answers. The link opens the runs by N and estimator, in a browser."""
    results, study, runs = ready
    tracking.sync(folder(results, study), runs)
    port = str(free_port())
    command = [sys.executable, "-c", "from pgstudy.cli import main; main()", "ui"]
    with subprocess.Popen(
        [*command, "--results", str(results), "--port", port],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as ui:
        try:
            link = ui.stdout.readline().strip()
            assert link.startswith(f"http://127.0.0.1:{port}/#/experiments/")
            health = f"http://127.0.0.1:{port}/health"
            assert urllib.request.urlopen(health, timeout=5).status == 200
            if shutil.which("chromium") and shutil.which("chromedriver"):
                assert "Group by: n" in shown(link, "4 matching runs")
        finally:
            os.killpg(ui.pid, signal.SIGTERM)


def test_the_ui_says_when_there_is_nothing_to_show(tmp_path):
    """Before the first study."""
    with pytest.raises(server.ServerError, match="run snakemake first"):
        server.serve(tmp_path, 5000)
