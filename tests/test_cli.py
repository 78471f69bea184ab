"""The commands by hand: a user's mistake is one message, never a traceback."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
import yaml

from pgstudy.cli.common import app
from pgstudy.cli.panels import ORDER, USERS, WORKFLOW, WORKFLOW_PANEL
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.study.tuning import Choice, tuning_study
from tests import warm
from tests.commands import interruptible, pgstudy
from tests.conftest import ROOT, SMALL, SMOKE


def called(*arguments, cwd=ROOT):
    """In a process of its own, whose warnings are part of what it says."""
    code = "from pgstudy.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def test_help_shows_what_a_person_types_first():
    """And what the rules call in a panel of its own below."""
    code, text = pgstudy("--help")
    assert code == 0
    people, workflow = text.partition(WORKFLOW_PANEL)[::2]
    for names, panel in (USERS, people), (WORKFLOW, workflow):
        found = re.findall(r"^│ ([a-z][a-z-]*) ", panel, re.MULTILINE)
        assert tuple(found) == names


def test_every_command_has_a_place_in_the_help():
    """One that is forgotten in the list would come last."""
    assert set(typer.main.get_command(app).commands) == set(ORDER)


def test_version_is_that_of_the_package():
    assert pgstudy("--version") == (0, f"pgstudy {version('pgstudy')}\n")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pgstudy pr", ["progress", "proofs", "prove", "prune"]),
        ("pgstudy capsule ", ["check", "pack"]),
        ("pgstudy prune --y", ["--yes"]),
    ],
)
def test_a_shell_completes_commands_and_options(typed, offered):
    """As the script that `--install-completion` writes asks for them."""
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    environment = os.environ | asked | {"_PGSTUDY_COMPLETE": "complete_bash"}
    command = [Path(sys.executable).with_name("pgstudy")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == offered, done.stderr


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


MEASURED = SMALL | {"gradients": SMOKE["gradients"]}
PART = "parts/ShortCorridor-v0/total-return/middle.csv"


def test_steps_by_hand_need_no_special_folder(tmp_path):
    """`results/<study>/study.json` says where the results are."""
    results = tmp_path / "results"
    assert pgstudy("plan", json.dumps(MEASURED), "--results", results)[0] == 0
    file = results / "small" / "study.json"
    code, text = pgstudy("figures", file)
    assert (code, "run `pgstudy tables` first" in text) == (1, True)
    early = ("tables", "measure", "gradients", "claims", "proofs")
    for step in (*early, "figures", "report"):
        done = warm.pgstudy(step, file, folder=tmp_path)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (results / "small" / "report.html").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"results"}
    for name, maker, reader in (
        ("tables/summary.csv", "tables", "figures"),
        ("tables/scores.csv", "tables", "report"),
        (f"gradients/{PART}", "measure", "gradients"),
        ("gradients/ShortCorridor-v0.csv", "gradients", "claims"),
        ("claims.csv", "claims", "report"),
        ("proofs.csv", "proofs", "report"),
        ("figures/final_return.png", "figures", "report"),
        ("study.json", "plan", "figures"),
    ):
        edited = results / "small" / name
        content = edited.read_bytes()
        edited.write_bytes(content + b"\n")
        code, text = pgstudy(reader, file, cwd=tmp_path)
        assert code == 1, name
        assert f"{name} is not what `pgstudy {maker}` wrote" in text
        assert "Traceback" not in text
        edited.write_bytes(content)
    assert called("report", file, cwd=tmp_path) == (0, "")
    for words in (("figures", "Nope"), ("measure", "ShortCorridor-v0", "total-return")):
        code, text = pgstudy(words[0], file, *words[1:], cwd=tmp_path)
        said = f"pgstudy: the study has no {words[0]} of {', '.join(words[1:])}"
        assert (code, said in text) == (1, True)


@pytest.mark.parametrize("content", ["", "this is no database, but long enough" * 99])
def test_a_damaged_store_is_set_aside_and_made_again(tmp_path, content, monkeypatch):
    """Said in a line; not a traceback out of the database's library."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    results = tmp_path / "results"
    pgstudy("plan", json.dumps(SMOKE), "--results", results)
    (results / "mlflow.db").write_text(content)
    done = warm.pgstudy("track", results / "smoke" / "study.json", folder=ROOT)
    assert done.returncode == 0, done.stderr
    assert "MLflow's store was no database; set aside in" in done.stdout + done.stderr
    assert (results / "set-aside" / "mlflow.db-1").read_text() == content
    assert (results / "mlflow.db").stat().st_size > 10_000


def test_a_store_of_someone_elses_is_not_touched(tmp_path, monkeypatch):
    """A message, where MLFLOW_TRACKING_URI names a file that is no database."""
    other = tmp_path / "other.db"
    other.write_text("this is no database, though long enough" * 99)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    results = tmp_path / "results"
    pgstudy("plan", json.dumps(SMOKE), "--results", results)
    code, text = pgstudy("track", results / "smoke" / "study.json")
    assert code == 1
    assert "other.db can't be used" in text
    assert "Traceback" not in text
    assert other.exists()


def test_the_default_study_is_sound():
    """It is read, and asks for what its docs say."""
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    assert called("check", ROOT / "config" / "config.yaml")[0] == 0
    assert raw["seeds"] == 10


def test_runs_that_no_config_asks_for_are_removed_on_yes_alone(tmp_path):
    """By hand in a project's folder: listed, kept, then removed."""
    (tmp_path / "config").mkdir()
    config = tmp_path / "config" / "study.yaml"
    config.write_text(yaml.safe_dump(SMOKE))
    block = next(load_study(SMOKE).blocks())
    assert pgstudy("train", block.to_json(), cwd=tmp_path)[0] == 0
    nothing = (0, "0 runs: no study asks for them; --yes removes them\n")
    assert pgstudy("prune", cwd=tmp_path) == nothing
    config.write_text(yaml.safe_dump(SMOKE | {"seeds": [1]}))
    for arguments, left in ([], 2), (["--yes"], 1):
        code, text = pgstudy("prune", *arguments, cwd=tmp_path)
        assert code == 0
        assert "seed0-" in text
        assert len(list(tmp_path.rglob("run.json"))) == left
    config.write_text("study: 5")
    code, text = pgstudy("prune", "--yes", cwd=tmp_path)
    assert (code, "Traceback" in text) == (1, False)
    assert "nothing is removed: config/study.yaml: " in text
    assert len(list(tmp_path.rglob("run.json"))) == 1


def test_runs_of_a_study_whose_file_lies_elsewhere_are_kept(tmp_path):
    """As results/<study>/study.json says; nothing goes while one can't be read."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "other.yaml").write_text(
        yaml.safe_dump(SMOKE | {"seeds": 1})
    )
    block = next(load_study(SMOKE).blocks())
    assert pgstudy("train", block.to_json(), cwd=tmp_path)[0] == 0
    assert pgstudy("plan", json.dumps(SMOKE), cwd=tmp_path)[0] == 0
    assert pgstudy("prune", "--yes", cwd=tmp_path)[1].startswith("0 runs")
    file = tmp_path / "results" / "smoke" / "study.json"
    file.write_text(file.read_text()[:-9])
    code, text = pgstudy("prune", "--yes", cwd=tmp_path)
    assert code == 1
    assert "nothing is removed: results/smoke/study.json can't be read" in text
    assert len(list(tmp_path.rglob("run.json"))) == 2
    file.unlink()
    assert "1 runs: removed" in pgstudy("prune", "--yes", cwd=tmp_path)[1]


def test_prune_keeps_the_runs_that_a_learning_rate_was_chosen_by(tmp_path):
    """All of them, though the tuning study's own folder was removed to be made anew."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "other.yaml").write_text(yaml.safe_dump(SMOKE))
    rates = {"optimizer": {"learning_rate": [0.001, 0.002]}}
    entry = {"id": "ShortCorridor-v0", "env_steps": 200, "max_episode_steps": 20}
    config = {"study": "tuned", "seeds": 1, "tune": {"seeds": 1}}
    config |= {"sample_counts": [1], "estimators": [{"name": "plain"}]}
    config["environments"] = [entry | rates]
    study = load_study(config)
    for block in tuning_study(study).blocks():
        assert pgstudy("train", block.to_json(), cwd=tmp_path)[0] == 0
    chosen = tmp_path / "chosen.json"
    first = study.cells[0]
    chosen.write_text(json.dumps({"chosen": [asdict(Choice.of(first))]}))
    words = ("plan", json.dumps(config), "--chosen", str(chosen))
    assert pgstudy(*words, cwd=tmp_path)[0] == 0
    assert "0 runs: removed" in pgstudy("prune", "--yes", cwd=tmp_path)[1]
    assert len(list(tmp_path.rglob("run.json"))) == 2


def test_prune_needs_no_extra(tmp_path):
    """A config whose environment can't be made here: named, and all its runs kept."""
    (tmp_path / "config").mkdir()
    smoke = SMOKE | {"environments": [SMOKE["environments"][0]]}
    block = next(load_study(smoke).blocks())
    assert pgstudy("train", block.to_json(), cwd=tmp_path)[0] == 0
    label = block.cell.environment
    entry = {"id": "NoSuch-v0", "name": label, "updates": 1}
    config = tmp_path / "config" / "study.yaml"
    config.write_text(yaml.safe_dump(smoke | {"environments": [entry]}))
    code, text = pgstudy("prune", "--yes", cwd=tmp_path)
    assert code == 0, text
    assert f"all runs of {label} are kept: config/study.yaml asks for it" in text
    assert "0 runs: removed" in text
    config.write_text(yaml.safe_dump(smoke | {"environments": [entry | {"name": "x"}]}))
    assert "2 runs: removed" in pgstudy("prune", "--yes", cwd=tmp_path)[1]


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


def test_init_writes_a_first_study_and_overwrites_nothing(tmp_path):
    """It is sound, in about ten lines, and what to type next is said."""
    code, said = pgstudy("init", "my study.yaml", cwd=tmp_path)
    assert (code, said.splitlines()[-1]) == (0, "  pgstudy run 'my study.yaml'")
    file = tmp_path / "my study.yaml"
    assert len(file.read_text().splitlines()) <= 13
    assert pgstudy("check", file)[0] == 0
    file.write_text("mine")
    code, said = pgstudy("init", "my study.yaml", cwd=tmp_path)
    message = "my study.yaml is there already; name another file"
    assert (code, said) == (1, f"pgstudy: {message}\n")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("content", ["study: &x [*x]", "study: 5", "[" * 999])
def test_run_says_what_is_wrong_before_snakemake_starts(tmp_path, content):
    """Which would hang or show a traceback at some of these."""
    (tmp_path / "c.yaml").write_text(content)
    code, text = called("run", "c.yaml", cwd=tmp_path)
    assert code == 1
    assert "fault" in text
    assert "Traceback" not in text
    assert [p.name for p in tmp_path.iterdir()] == ["c.yaml"]


def test_run_calls_snakemake_by_a_line_that_works_by_hand(tmp_path):
    """With a target, which no --configfile swallows, and options after --."""
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(SMOKE))
    words = ("run", "c.yaml", "partial_report", "--cores", "1", "--", "-n")
    code, text = called(*words, cwd=tmp_path)
    assert code == 0, text
    assert "rule partial_report:" in text
    start = "snakemake partial_report -n --cores 1 --snakefile "
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    assert line.endswith(" --configfile c.yaml")
    again = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True)
    assert again.returncode == 0
    assert b"rule partial_report:" in again.stdout + again.stderr


def test_run_ends_as_snakemake_does(tmp_path):
    """Its exit code, and its signals: it is one process."""
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(SMOKE))
    assert called("run", "c.yaml", "no_such_target", cwd=tmp_path)[0] == 1
    command = [sys.executable, "-m", "pgstudy", "run", "c.yaml"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    for line in process.stderr:
        if b"Building DAG" in line:
            break
    process.terminate()
    process.communicate()
    assert process.returncode not in (None, 0)
    assert not (tmp_path / "results" / "smoke" / "report.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("ui", "--port", "99999"),
        ("tracked", "nowhere.json"),
        ("prune", "--config", "nowhere.yaml"),
        ("plan", "{"),
        ("plan", "[]"),
        ("train", "{"),
        ("train", "{}"),
        ("choose", "nowhere.json", "out.json"),
        ("run", "nowhere.yaml"),
        ("init", "nowhere/study.yaml"),
        ("check", "."),
    ],
)
def test_a_slip_at_the_keyboard_is_a_message(tmp_path, words):
    """For every command that takes a file, a number or JSON."""
    code, text = pgstudy(*words, cwd=tmp_path)
    assert code in (1, 2)
    assert "Traceback" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_log_gets_all_and_the_terminal_what_pgstudy_says(tmp_path):
    """By the command that all rules use, whose readers may be gone."""
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump(SMOKE | {"seeds": 0}))
    log = tmp_path / "logs" / "check.log"
    code, text = called("--log", log, "check", config)
    assert code == 1
    assert "seeds" in text
    heading, _, rest = log.read_text().partition("\n")
    assert heading.startswith("--- 20")
    assert rest == text
    code = "import sys; sys.argv[1:] = ['--log', 'l', 'check', 'c.yaml'];"
    code += "from pgstudy.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE
    )
    process.stderr.close()
    assert process.wait() == 1
    assert "seeds" in (tmp_path / "l").read_text()


ENDING = """
import atexit, os, signal, sys
from pgstudy.cli import main
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
sys.argv = ["pgstudy", "--version"]
main()
"""


def interrupted(command):
    """pytest's workers ignore SIGINT, and their processes would."""
    return subprocess.run(
        command, capture_output=True, text=True, preexec_fn=interruptible
    )


def test_ctrl_c_while_a_command_ends_is_silent():
    """Its work is done; what Python does at its end would print a traceback."""
    command = [sys.executable, "-c", ENDING]
    done = interrupted(command)
    assert (done.returncode, done.stderr) == (0, "")


BEGINNING = """
import os, signal, sys
import typer.main
from pgstudy.cli import main
typer.main.get_command = lambda app: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["pgstudy", "--version"]
main()
"""


def test_ctrl_c_while_a_command_begins_is_silent():
    """As typer has it afterwards: 128 + SIGINT."""
    command = [sys.executable, "-c", BEGINNING]
    done = interrupted(command)
    assert (done.returncode, done.stderr) == (130, "")
