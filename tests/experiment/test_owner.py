"""Whose an entry is: the id of a results folder, and what is left alone."""

import json
import shutil
import threading

import pytest
from mlflow import MlflowClient

from pgstudy.experiment.tracking import owner as whose
from pgstudy.experiment.tracking import upload as tracking
from pgstudy.experiment.tracking.mirror import tracking_uri
from pgstudy.experiment.tracking.owner import Owner, owner, store_id
from tests.experiment.test_tracking import (  # noqa: F401
    entries,
    folder,
    ready,
    store,
    trained,
)


def test_a_results_folder_has_one_id_that_goes_where_it_goes(tmp_path):
    """Moved or copied, as its uploads are still its own."""
    first = tmp_path / "results"
    known = store_id(first)
    assert store_id(first) == known
    shutil.copytree(first, tmp_path / "copy")
    first.rename(tmp_path / "moved")
    assert store_id(tmp_path / "copy") == store_id(tmp_path / "moved") == known
    assert store_id(tmp_path / "another") != known


def test_an_id_that_several_ask_for_first_is_one(tmp_path, monkeypatch):
    """All have seen that there is none, before any of them writes it."""
    seen, read = threading.Barrier(8), whose._read
    first = threading.local()

    def read_together(file):
        found = read(file)
        if not hasattr(first, "done"):
            first.done = seen.wait()
        return found

    monkeypatch.setattr(whose, "_read", read_together)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(store_id(tmp_path)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("text", ["", "{", '"no id"', "[1]", "7"])
def test_a_damaged_id_is_replaced(tmp_path, text):
    (tmp_path / "store-id").write_text(text)
    known = store_id(tmp_path)
    assert (
        json.loads((tmp_path / "store-id").read_text()) == known == store_id(tmp_path)
    )


def test_a_user_is_named_as_the_server_knows_them(tmp_path, monkeypatch):
    """And one whom the machine has no name for, by a number."""
    monkeypatch.setenv("LOGNAME", "al")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    assert owner(tmp_path).user == "al"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    assert owner(tmp_path).user == "ann"
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setattr("getpass.getuser", lambda: {}["nobody"])
    assert owner(tmp_path).user.isdigit()


def test_entries_that_name_no_store_are_ours_in_our_own_database_alone():
    """Earlier versions named none."""
    for alone in (True, False):
        ours = Owner("ann", "ours", alone)
        assert ours.owns(ours.tags)
        assert not ours.owns({"store": "another"})
        assert ours.owns({}) == alone


def test_entries_of_an_earlier_version_are_taken_over_in_our_own_database(ready):  # noqa: F811
    """No second upload; and what another folder has there is left alone."""
    results, study, runs = ready
    first = tracking.sync(folder(results, study), runs)
    client = MlflowClient(tracking_uri(results))
    for run_id in first.runs.values():
        client.delete_tag(run_id, "store")
    tags = {"key": runs[0].key, "store": "another"}
    theirs = client.create_run(first.experiment_id, tags=tags).info.run_id
    again = tracking.sync(folder(results, study), runs[1:])
    assert (again.uploaded, again.unchanged, again.replaced) == (0, 3, 0)
    found = {e.info.run_id: e for e in entries(results, study)[1]}
    assert found[first.runs[runs[0].key]].data.tags["current"] == "false"
    assert found[theirs].info.status == "RUNNING"
    assert len(found) == 5
