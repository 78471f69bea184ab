"""Where MLflow's store is, who may write to it, and what several writers do."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.tracking import mirror
from pgstudy.experiment.tracking import upload as tracking
from pgstudy.experiment.tracking.owner import store_id
from tests import warm
from tests.conftest import SMALL
from tests.experiment.servers import Server
from tests.experiment.test_tracking import (  # noqa: F401
    entries,
    folder,
    ready,
    store,
    trained,
)

MAKE = """
import json, sys
from pathlib import Path
from mlflow import MlflowClient
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.tracking import experiments
study = load_study(json.loads(sys.argv[3]))
client = MlflowClient(sys.argv[1])
client.search_experiments()  # all that is slow is done
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    made = experiments.experiment(client, Path(sys.argv[2]), f"study{number}")
    experiments.describe(client, made, study)
    print(made)
"""


def test_looking_imports_no_mlflow_whose_bounds_are_set_before_it_is_imported():
    """Snakemake looks at every call; mlflow would cost over a second."""
    code = (
        "import sys, pgstudy.experiment.planning; assert 'mlflow' not in sys.modules\n"
        "import pgstudy.experiment.tracking.upload\n"
        "from mlflow import environment_variables as bounds\n"
        "assert bounds.MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 20"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_four_clones_on_one_new_store_all_succeed(store, tmp_path, monkeypatch):  # noqa: F811
    """They have result folders of their own, so the lock lies beside the store.

    Each has its entries there, and none touches another's.
    """
    results, study, _ = store
    uri = f"sqlite:///{tmp_path}/shared/x.db"
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    clones = [tmp_path / f"clone{number}" for number in range(4)]
    calls = []
    for clone in clones:
        shutil.copytree(results, clone)
        file = clone / study.name / "study.json"
        write_plan(file, Plan(study))
        calls.append((file, warm.start("track", file)))
    for file, call in calls:
        assert call.wait() == 0, call.stderr.read()
        receipt = json.loads(file.with_name(mirror.RECEIPT).read_text())
        assert receipt["uploaded"] == 4
    found = entries(results, study, "tags.current = 'true'")[1]
    assert {entry.info.status for entry in found} == {"FINISHED"}
    stores = Counter(entry.data.tags["store"] for entry in found)
    assert stores == {store_id(clone): 4 for clone in clones}


def test_clients_that_make_and_describe_an_experiment_at_once_all_have_it(
    migrated, tmp_path, monkeypatch
):
    """On a real server, which refuses all but the first of them."""
    database = shutil.copy(migrated, tmp_path / "server.db")
    server = Server(f"sqlite:///{database}", tmp_path / "artifacts")
    server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    try:
        command = [sys.executable, "-c", MAKE, server.uri, str(tmp_path)]
        command += [json.dumps(SMALL)]
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        clients = [subprocess.Popen(command, **options) for _ in range(4)]
        for client in clients:
            assert client.stdout.readline() == "ready\n"
        for client in clients:
            client.stdin.write("go\n")
            client.stdin.flush()
        said = [client.communicate()[0] for client in clients]
    finally:
        server.kill()
    assert [client.returncode for client in clients] == [0] * 4
    assert len(set(said)) == 1
    assert len(set(said[0].split())) == 20


@pytest.mark.parametrize("name", ["a?b", "a#b", "100% {x}", 'it\'s "one" $HOME & more'])
def test_a_folder_of_any_name_holds_its_store(store, tmp_path, name):  # noqa: F811
    """A question mark would cut the file's name in SQLite's address."""
    results, study, _ = store
    moved = tmp_path / name / "results"
    moved.parent.mkdir()
    results.rename(moved)
    runs = runs_in(moved, study)
    report = tracking.sync(folder(moved, study), runs)
    assert report.uploaded == 4
    assert (moved / "mlflow.db").is_file()
    assert mirror.held(moved) == set(report.runs.values())
    client, found = entries(moved, study)
    for entry in found:
        path = client.download_artifacts(entry.info.run_id, "run.json", str(tmp_path))
        assert entry.data.tags["key"] in Path(path).read_text()
    assert tracking.sync(folder(moved, study), runs).unchanged == 4
    assert {p.name for p in tmp_path.iterdir()} <= {name, "run.json"}


def runs_in(results, study):
    return list(Store(results).every_run(study))


def test_a_store_that_is_written_to_is_not_taken_for_lost(ready):  # noqa: F811
    """What can't be known now is left alone."""
    results, study, runs = ready
    report = tracking.sync(folder(results, study), runs)
    receipt = results / "tracked.json"
    receipt.write_text(json.dumps(vars(report)))
    writer = sqlite3.connect(results / "mlflow.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert mirror.held(results) is None
    assert mirror.set_lost_store_aside(results) is None
    assert mirror.is_true(receipt, mirror.held(results))
    writer.execute("ROLLBACK")
    assert mirror.is_true(receipt, mirror.held(results))
    MlflowClient(report.uri).delete_experiment(report.experiment_id)
    assert mirror.is_true(receipt, mirror.held(results))
    (results / "mlflow.db").unlink()
    assert not mirror.is_true(receipt, mirror.held(results))
