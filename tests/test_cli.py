"""The commands by hand: a user's mistake is one message, never a traceback."""

import json
import subprocess
import sys

import pytest
import yaml

from pgstudy.experiment.loading import load_study
from tests.conftest import ROOT, SMOKE


def pgstudy(*arguments, cwd=ROOT):
    code = "from pgstudy.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def test_check_says_what_a_config_asks_for(tmp_path):
    """Number of runs, and what is left out."""
    code, text = pgstudy("check", ROOT / "config" / "smoke.yaml")
    assert code == 0
    assert "6 cells, 12 runs" in text
    assert "leave-one-out, N = 1" in text


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"a: [", "can't be read"), (b"\xe9: 1", "can't be read"), (b"5", "no keys")],
)
def test_a_file_that_is_no_config_is_a_message(tmp_path, content, word):
    """Broken YAML, another encoding, no table."""
    (tmp_path / "c.yaml").write_bytes(content)
    code, text = pgstudy("check", tmp_path / "c.yaml")
    assert code == 1
    assert word in text
    assert "Traceback" not in text


def test_steps_by_hand_need_no_special_folder(tmp_path):
    """`results/<study>/study.json` says where the results are."""
    results = tmp_path / "results"
    assert pgstudy("plan", json.dumps(SMOKE), "--results", results)[0] == 0
    file = results / "smoke" / "study.json"
    code, text = pgstudy("figures", file)
    assert (code, "run `pgstudy tables` first" in text) == (1, True)
    for step in ("tables", "gradients", "claims", "figures", "report"):
        assert pgstudy(step, file, cwd=tmp_path) == (0, "")
    assert (results / "smoke" / "report.html").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"results"}


def test_a_damaged_store_is_a_message(tmp_path):
    """Not a traceback out of the database's library."""
    results = tmp_path / "results"
    pgstudy("plan", json.dumps(SMOKE), "--results", results)
    (results / "mlflow.db").write_text("this is no database, though long enough" * 99)
    code, text = pgstudy("track", results / "smoke" / "study.json")
    assert code == 1
    assert "mlflow.db can't be used" in text
    assert "Traceback" not in text


def test_the_default_study_is_sound():
    """It is read, and asks for what its docs say."""
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    assert pgstudy("check", ROOT / "config" / "config.yaml")[0] == 0
    assert raw["seeds"] == 10


def test_runs_that_no_config_asks_for_are_removed_on_yes_alone(tmp_path):
    """By hand in a project's folder: listed, kept, then removed."""
    (tmp_path / "config").mkdir()
    config = tmp_path / "config" / "study.yaml"
    config.write_text(yaml.safe_dump(SMOKE))
    block = next(load_study(SMOKE).blocks())
    assert pgstudy("train", block.to_json(), cwd=tmp_path)[0] == 0
    assert pgstudy("runs", "prune", cwd=tmp_path) == (
        0, "0 runs: no config asks for them; --yes removes them\n",
    )  # fmt: skip
    config.write_text(yaml.safe_dump(SMOKE | {"seeds": [1]}))
    for arguments, left in ([], 2), (["--yes"], 1):
        code, text = pgstudy("runs", "prune", *arguments, cwd=tmp_path)
        assert code == 0
        assert "seed0-" in text
        assert len(list(tmp_path.rglob("run.json"))) == left
    config.write_text("study: 5")
    code, text = pgstudy("runs", "prune", "--yes", cwd=tmp_path)
    assert (code, "Traceback" in text) == (1, False)
    assert len(list(tmp_path.rglob("run.json"))) == 1


def test_doctor_compares_this_machine_with_the_one_of_the_runs(tmp_path):
    """How many runs are here, and that nothing differs."""
    results = tmp_path / "results"
    assert pgstudy("plan", json.dumps(SMOKE), "--results", results)[0] == 0
    block = next(load_study(SMOKE).blocks())
    pgstudy("train", block.to_json(), "--results", results)
    code, text = pgstudy("doctor", results / "smoke" / "study.json")
    assert code == 0
    assert "smoke: 2 of 12 runs are here, current and sound" in text
    assert "made on a machine like this one" in text
