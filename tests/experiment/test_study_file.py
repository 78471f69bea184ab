"""study.json: a study as it was planned, to the last bit, and nothing but that."""

import copy
import json
import subprocess
import sys

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance import identity
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.study_file import (
    NotAStudyFile,
    Plan,
    digest,
    read_study,
    write_plan,
)
from pgstudy.experiment.system.files import canonical_json
from tests.experiment.test_user_code import BOTH, FILES, pgstudy, project  # noqa: F401

# whole numbers where others may stand, kwargs, a value function, every kind of policy
ODD = {
    "study": "odd", "seeds": [3, 1], "sample_counts": [1, 4],
    "defaults": {"updates": 5, "optimizer": {"learning_rate": 1}},
    "environments": [
        {"id": "ShortCorridor-v0", "max_episode_steps": 20, "threshold": 7,
         "policy": {"initial_probabilities": [0.95, 0.05]}},
        {"id": "FrozenLake-v1", "kwargs": {"is_slippery": False, "map_name": "4x4"}},
        {"id": "Pendulum-v1", "name": "a/b", "policy": {"hidden": [8], "log_std": -1}},
    ],
    "estimators": [
        {"name": "plain", "gamma": 1, "entropy": 2},
        {"name": "learned", "baseline": "learned", "value": {"learning_rate": 2}},
        {"name": "mean", "baseline": "batch-mean"},
    ],
}  # fmt: skip


def text_of(study):
    return [canonical_json(cell.specification.to_dict()) for cell in study.cells]


def test_a_study_is_read_as_it_was_planned(tmp_path):
    """Streams hash the text of a specification: 1.0 stays 1.0."""
    study = load_study(ODD)
    write_plan(tmp_path / "study.json", Plan(study))
    again = read_study(tmp_path / "study.json")
    assert again == study
    assert text_of(again) == text_of(study)
    assert '"learning_rate":1.0,' in text_of(study)[0]
    assert [c.key(3) for c in again.cells] == [c.key(3) for c in study.cells]
    assert [repr(c.threshold) for c in again.cells] == [
        repr(c.threshold) for c in study.cells
    ]
    assert study.left_out


def test_reading_makes_no_environment(tmp_path):
    """Neither the config's code nor Gymnasium's registry is asked."""
    write_plan(tmp_path / "study.json", Plan(load_study(ODD)))
    code = (
        "import sys, gymnasium; gymnasium.registry.clear(); from pathlib import Path; "
        "from pgstudy.experiment.study.study_file import read_study; "
        "study = read_study(Path(sys.argv[1])).now(); "
        "print(len(study.cells), 'pgstudy.experiment.config' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "study.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cells = len(load_study(ODD).cells)
    assert done.stdout.split() == [str(cells), "False"]


def changed(change):
    def case(data):
        change(data)
        return json.dumps(data)

    return case


@pytest.mark.parametrize(
    "case",
    [
        lambda data: "",
        lambda data: "[]",
        lambda data: "[" * 100_000,
        lambda data: json.dumps({"config": data["study"]["config"], "published": {}}),
        changed(lambda data: data.update(more=1)),
        changed(lambda data: data.pop("study")),
        changed(lambda data: data["study"].update(seeds=["1"])),
        changed(lambda data: data["study"].update(seeds=[True])),
        changed(lambda data: data["study"].update(verify="none")),
        changed(lambda data: data["study"].update(config=[])),
        changed(lambda data: data["study"]["cells"][0].update(threshold="high")),
        changed(lambda data: data["study"]["cells"][0].pop("identity")),
        changed(lambda data: data["study"]["left_out"][0].update(n=1.0)),
    ],
)
def test_what_is_no_study_file_is_one_message(tmp_path, case):
    """Damaged, of an earlier version, or with a value of another type."""
    file = tmp_path / "study.json"
    write_plan(file, Plan(load_study(ODD)))
    file.write_text(case(json.loads(file.read_text())))
    with pytest.raises(NotAStudyFile, match="is not a study file") as caught:
        read_study(file)
    assert "\n" not in str(caught.value)


def test_other_code_is_another_plan_and_its_runs_are_missing(tmp_path, monkeypatch):
    """As planned they are there; with what is here now they are others."""
    study = load_study(ODD)
    write_plan(tmp_path / "study.json", Plan(study))
    assert read_study(tmp_path / "study.json").now() == study
    other = identity.numeric_identity() | {"learning": "edited"}
    monkeypatch.setattr(identity, "numeric_identity", lambda: other)
    again = read_study(tmp_path / "study.json")
    assert again == study
    now = again.now()
    assert now == load_study(ODD)
    assert digest(now) != digest(study)
    store = Store(tmp_path)
    folders = [{run.folder for run in store.every_run(s)} for s in (study, now)]
    assert folders[0].isdisjoint(folders[1])


@pytest.mark.parametrize(
    "change",
    [
        {"bins": 7},
        {"seeds": 3},
        {"verify": {"runs": "all"}},
        {"gradients": {"batches": 70}},
    ],
)
def test_every_setting_is_in_the_digest(change):
    """It is the parameter of Snakemake's rule `plan`."""
    assert digest(load_study(ODD)) == digest(load_study(copy.deepcopy(ODD)))
    assert digest(load_study(ODD | change)) != digest(load_study(ODD))


def test_no_module_of_a_user_is_imported_after_planning(project):  # noqa: F811
    """Tables say which of its runs are missing, also when its code was edited."""
    study = BOTH | {"sample_counts": [1], "seeds": 1}
    assert pgstudy(project, "plan", json.dumps(study)).returncode == 0
    for name in ("regs.py", "floor.py", "mazes/core.py"):
        (project / name).write_text("open('imported', 'w')\n" + FILES[name])
    for command in (("tables",), ("doctor",)):
        done = pgstudy(project, *command, "results/mazes/study.json")
        assert done.returncode == 0, done.stderr
    assert not (project / "imported").exists()
    for name in ("regs.py", "floor.py", "mazes/core.py"):
        (project / name).unlink()
    assert pgstudy(project, "tables", "results/mazes/study.json").returncode == 0
