"""Two users of one server, with accounts, on PostgreSQL."""

import os
import shutil
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
from mlflow import MlflowClient
from mlflow.server import get_app_client

from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.tracking import experiments, upload
from pgstudy.experiment.tracking.live_entries import Watcher
from pgstudy.experiment.tracking.owner import owner, store_id
from tests import warm
from tests.commands import pgstudy
from tests.experiment.servers import Server
from tests.experiment.test_tracking import entries, folder, trained  # noqa: F401

CONFIG = """[mlflow]
default_permission = MANAGE
database_uri = {}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


def account(name):
    return {
        "MLFLOW_TRACKING_USERNAME": name,
        "MLFLOW_TRACKING_PASSWORD": f"{name}'s-pass-word",
    }


@pytest.fixture(scope="module")
def server(postgres, tmp_path_factory):
    """`mlflow server --app-name basic-auth` with accounts of ann and ben."""
    pytest.importorskip("flask_wtf", reason="the extra `group` is not installed")
    place = tmp_path_factory.mktemp("server")
    (place / "accounts.ini").write_text(CONFIG.format(postgres))
    served = Server(
        *(postgres, place / "artifacts", "--app-name", "basic-auth"),
        MLFLOW_AUTH_CONFIG_PATH=str(place / "accounts.ini"),
        MLFLOW_AUTH_ADMIN_PASSWORD=account("admin")["MLFLOW_TRACKING_PASSWORD"],
        MLFLOW_FLASK_SERVER_SECRET_KEY="for tests alone",
    )
    with served, pytest.MonkeyPatch.context() as patch:
        for name, value in account("admin").items():
            patch.setenv(name, value)
        accounts = get_app_client("basic-auth", served.uri)
        for name in ("ann", "ben"):
            accounts.create_user(name, account(name)["MLFLOW_TRACKING_PASSWORD"])
        yield served


@pytest.fixture
def group(server, trained, tmp_path, request, monkeypatch):  # noqa: F811
    """Results folders of two users with the same study, which has a name of its own."""
    study = replace(trained[1], name=request.node.name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    log_in(monkeypatch, "ann")
    for name in ("ann", "ben"):
        shutil.copytree(trained[0], tmp_path / name)
        file = tmp_path / name / study.name / "study.json"
        file.parent.mkdir()
        write_plan(file, Plan(study))
    return study, folder(tmp_path / "ann", study), folder(tmp_path / "ben", study)


def log_in(monkeypatch, name):
    for variable, value in account(name).items():
        monkeypatch.setenv(variable, value)


def by_store(one: StudyFolder, query="", what=lambda entry: entry.info.status):
    """How many entries of the experiment have a status, by results folder."""
    found = entries(one.store.results, one.study, query)[1]
    return Counter((entry.data.tags.get("store"), what(entry)) for entry in found)


def test_two_users_upload_a_study_at_once(group, server):
    """Each with a password of their own, into one experiment."""
    study, *both = group
    calls = [
        warm.start(
            "track", one.path / "study.json", environment=os.environ | account(name)
        )
        for name, one in zip(("ann", "ben"), both, strict=True)
    ]
    said = [call.communicate()[1] for call in calls]
    assert [call.returncode for call in calls] == [0, 0], said
    tags = ("owner", "mlflow.user", "current")
    found = by_store(both[0], what=lambda e: tuple(e.data.tags[tag] for tag in tags))
    assert found == {
        (store_id(one.store.results), (name, name, "true")): 4
        for name, one in zip(("ann", "ben"), both, strict=True)
    }
    client = MlflowClient(server.uri)
    for entry in entries(both[0].store.results, study)[1]:
        names = {file.path for file in client.list_artifacts(entry.info.run_id)}
        assert {"run.json", "updates.parquet", "policy.safetensors"} <= names


def test_an_upload_under_way_and_finished_runs_are_left_alone(group, monkeypatch):
    """Four uploads of one folder wait for their end while the other folder syncs."""
    _, ann, ben = group
    runs = ann.complete()
    upload.sync(ann, runs)
    free, waiting = threading.Event(), threading.Semaphore(0)
    finish = MlflowClient.set_terminated

    def wait_and_finish(*arguments, **options):
        waiting.release()
        assert free.wait(60)
        finish(*arguments, **options)

    monkeypatch.setattr(MlflowClient, "set_terminated", wait_and_finish)
    thread = threading.Thread(target=upload.sync, args=(ben, ben.complete()))
    thread.start()
    for _ in range(4):  # several at once, as they all wait
        assert waiting.acquire(timeout=60)
    monkeypatch.setattr(MlflowClient, "set_terminated", finish)
    mine, theirs = (store_id(one.store.results) for one in (ann, ben))
    client, before = entries(ann.store.results, ann.study)
    client.create_run(before[0].info.experiment_id, tags=owner(ann.store.results).tags)
    cut_short = owner(ann.store.results).tags | {"key": runs[0].key}
    client.create_run(before[0].info.experiment_id, tags=cut_short)
    again = upload.sync(ann, runs[1:])
    assert (again.uploaded, again.unchanged) == (0, 3)
    free.set()
    thread.join()
    assert by_store(ann, "tags.content_hash != ''") == {
        (mine, "FINISHED"): 4,
        (theirs, "FINISHED"): 4,
    }
    current = "tags.current = 'true'"
    assert by_store(ann, current) == {(mine, "FINISHED"): 3, (theirs, "FINISHED"): 4}
    assert by_store(ann, f"tags.key = '{runs[0].key}'").total() == 2


def test_what_names_no_store_is_left_alone_on_a_server(group):
    """It may be anybody's; our runs are uploaded beside it."""
    _, ann, _ = group
    runs = ann.complete()
    first = upload.sync(ann, runs)
    client = MlflowClient()
    for run_id in first.runs.values():
        client.delete_tag(run_id, "store")
    client.create_run(first.experiment_id, tags={"key": runs[0].key, "live": "true"})
    assert upload.sync(ann, runs[:1]).uploaded == 1
    Watcher(ann.store.results).close()
    assert by_store(ann) == {
        (None, "FINISHED"): 4,
        (None, "RUNNING"): 1,
        (store_id(ann.store.results), "FINISHED"): 1,
    }
    assert by_store(ann, "tags.current = 'true'").total() == 5


def test_a_ui_touches_no_curve_of_another_folder(group, monkeypatch):
    """Neither as it looks nor as it ends; its own go."""
    _, ann, ben = group
    client = MlflowClient()
    place = experiments.experiment(client, ann.store.results, ann.study.name)
    stores = [store_id(one.store.results) for one in (ann, ben)]
    for one in (ann, ben):
        tags = owner(one.store.results).tags | {"live": "true", "key": "k"}
        client.create_run(place, tags=tags)
    Watcher(ann.store.results).look()  # no run of hers trains now
    assert by_store(ann) == {(stores[1], "RUNNING"): 1}
    log_in(monkeypatch, "ben")
    Watcher(ben.store.results).close()
    assert by_store(ann) == {}


@pytest.mark.parametrize("password", ["wr0ng-pass-word", None], ids=["wrong", "no"])
def test_a_wrong_password_is_one_sentence(group, server, monkeypatch, password):
    """Within seconds, and the password stands in no file."""
    _, ann, _ = group
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    if password:
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    start = time.monotonic()
    code, said = pgstudy("track", ann.path / "study.json")
    assert time.monotonic() - start < 20
    assert code != 0
    assert said.strip() == (
        f"pgstudy: MLflow at {server.uri} does not know this user and password; "
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of your "
        "account there"
    )
    assert pgstudy("track", "--later", ann.path / "study.json")[0] == 0
    assert "does not know" in (ann.path / "tracked.json").read_text()
    for file in ann.store.results.rglob("*"):
        assert not file.is_file() or b"pass-word" not in file.read_bytes()


def test_an_experiment_that_one_may_not_change_is_one_sentence(group, server):
    """Accounts may be kept apart by the server, too."""
    study, ann, ben = group
    upload.sync(ann, ann.complete()[:1])
    experiment = MlflowClient().get_experiment_by_name(study.name).experiment_id
    with pytest.MonkeyPatch.context() as patch:
        log_in(patch, "admin")
        accounts = get_app_client("basic-auth", server.uri)
        accounts.grant_user_permission("ben", "experiment", experiment, "DENY")
        log_in(patch, "ben")
        with pytest.raises(experiments.TrackingError) as caught:
            upload.sync(ben, ben.complete())
    assert str(caught.value).startswith(f"MLflow at {server.uri} does not let you")
    assert "MANAGE" in str(caught.value)
