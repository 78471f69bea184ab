"""The commands by hand: a user's mistake is one message, never a traceback."""

import json
import subprocess
import sys

import pytest
import yaml

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
    for step in ("tables", "figures", "report"):
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
