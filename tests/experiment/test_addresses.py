"""Texts that may be shown to anybody."""

import json
import os
import sys
from pathlib import Path

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.system.addresses import without_credentials, without_folders
from pgstudy.experiment.training import block as training
from tests.experiment.test_user_code import FILES, STUDY, pgstudy, python, written

ADDRESSES = {
    "http://al:s3cret@host:5000/a": "http://host:5000/a",
    "https://s3cret@host": "https://host",
    "postgresql://al:s3/cr@et@host:1/db": "postgresql://host:1/db",
    "mysql+pymysql://al:s3%40cret@host/db?ssl=1": "mysql+pymysql://host/db?ssl=1",
    "postgresql://host/db?user=al&password=s3cret&x=1": "postgresql://host/db?user=al&password=***&x=1",
    "https://host/?access_token=s3cret#top": "https://host/?access_token=***#top",
    "https://host/?API-Key=s3cret": "https://host/?API-Key=***",
    # nothing to hide
    "http://127.0.0.1:5000/#/experiments/1?workflowType=machine_learning": None,
    "sqlite:////home/a@b/results/mlflow.db": None,
    "file:///home/a@b/mlartifacts": None,
    "https://host/people/@al": None,
    "results/mlflow.db": None,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_credentials_are_left_out_of_addresses(address):
    """And nothing else; also inside a sentence, and quoted."""
    plain = ADDRESSES[address] or address
    assert without_credentials(address) == plain
    text = "MLflow at {0} can't be used: '{0}' and \"{0}\" failed"
    assert without_credentials(text.format(address)) == text.format(plain)


def test_a_password_is_left_out_where_a_message_quotes_it_alone(monkeypatch):
    """As written in the address, and as it is meant."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks://al:s3%2Fcret@host")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    text = without_credentials("put-secret al s3%2Fcret, al s3/cret, t0ken")
    assert text == "put-secret al ***, al ***, ***"


def test_files_are_named_without_the_folders_of_this_machine(monkeypatch, tmp_path):
    """Packages, the standard library, pgstudy, the working folder, the home."""
    monkeypatch.setenv("HOME", str(tmp_path / "al"))
    monkeypatch.chdir(tmp_path)
    texts = {
        json.__file__: "json/__init__.py",
        pytest.__file__: "pytest/__init__.py",
        training.__file__: "pgstudy/experiment/training/block.py",
        str(tmp_path / "own.py"): "own.py",
        str(tmp_path / "al.py"): "al.py",
    }
    for path, name in texts.items():
        assert without_folders(f'File "{path}", line 1') == f'File "{name}", line 1'
    elsewhere = f"/disk{tmp_path}/own.py"
    assert without_folders(elsewhere) == elsewhere
    assert without_folders(f"file://{tmp_path}/own.py") == "file://own.py"
    os.chdir("/")
    assert without_folders(f"{tmp_path}/al/x and {tmp_path}/al") == "~/x and ~"
    assert without_folders(f"{tmp_path}/also") == f"{tmp_path}/also"
    assert without_folders("http://host//a") == "http://host//a"


def test_a_failed_run_tells_no_folders(tmp_path):
    """Neither in its traceback, nor in its reason, nor as its command."""
    project = written(tmp_path / "project")
    bad = FILES["mazes/core.py"].replace(
        "return tools.ONE",
        "self.left = getattr(self, 'left', 9) - 1\n"
        "        if not self.left: open(__file__ + '.txt')\n        return tools.ONE",
    )
    (project / "mazes/core.py").write_text(bad)
    code = (
        "import json, sys; from pgstudy.experiment.config.loading import load_study; "
        "print(next(load_study(json.loads(sys.argv[1])).blocks()).to_json())"
    )
    block = python(project, "-c", code, json.dumps(STUDY)).stdout.splitlines()[-1]
    assert pgstudy(project, "train", block).returncode == 1
    for file in project.rglob("run.json"):
        text = file.read_text()
        record = json.loads(text)
        assert record["status"] == "failed"
        assert "No such file" in record["reason"]
        assert 'File "mazes/core.py", line' in record["traceback"]
        assert 'File "pgstudy/learning/' in record["traceback"]
        assert record["made_by"]["command"][1] == "train"
        for folder in (tmp_path, Path.home(), sys.prefix, Path(os.__file__).parent):
            assert f"{folder}/" not in text


def test_a_run_names_its_command_without_folders(smoke, tmp_path):
    """Whatever started it."""
    study, store = load_study(smoke | {"seeds": [0]}), Store(tmp_path)
    block = next(study.blocks())
    training.train_block(store, block)
    command = store.runs(block)[0].record().made_by["command"]
    assert command
    assert not any("/" in part for part in command)
