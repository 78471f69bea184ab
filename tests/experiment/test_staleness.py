"""What was made some other way before: why it is made again, and what may differ."""

from dataclasses import replace

import pytest
import yaml

from pgstudy.experiment import pruning
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance import identity as provenance
from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store import differences
from pgstudy.experiment.store.differences import (
    across_processors,
    from_this_machine,
    why_stale,
)
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training import block as training


@pytest.fixture
def made(smoke, tmp_path, monkeypatch):
    """(store, study) of six runs, in a folder that is the working one."""
    monkeypatch.chdir(tmp_path)
    smoke["environments"] = smoke["environments"][:1]
    smoke["environments"][0]["env_steps"] = 200
    store, study = Store(tmp_path / "results"), load_study(smoke)
    for block in study.blocks():
        training.train_block(store, block)
    return store, study


def runs(store, study):
    return [run for block in study.blocks() for run in store.runs(block)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torch", "6 runs are stale: torch was 2.13.0, is 9.9"),
        ("learning", "6 runs are stale: the code in src/pgstudy/learning was"),
    ],
)
def test_another_version_makes_runs_stale_and_says_why(made, monkeypatch, name, words):
    """torch, numpy, gymnasium, or the learning code."""
    store, study = made
    assert why_stale(run for b in study.blocks() for run in store.missing(b)) == []
    other = provenance.numeric_identity() | {name: "9.9"}
    monkeypatch.setattr(provenance, "numeric_identity", lambda: other)
    missing = [run for b in study.now().blocks() for run in store.missing(b)]
    assert len(missing) == 6
    (line,) = why_stale(missing)
    assert line.replace("+cpu", "").startswith(words)


def test_each_folder_is_listed_once(made, monkeypatch):
    """However many runs lie in it: here two in each of three."""
    store, study = made
    listed, whole = [], differences.names_in
    monkeypatch.setattr(differences, "names_in", lambda f: listed.append(f) or whole(f))
    other = provenance.numeric_identity() | {"torch": "9.9"}
    monkeypatch.setattr(provenance, "numeric_identity", lambda: other)
    assert len(why_stale(runs(store, study.now()))) == 1
    assert sorted(listed) == sorted({run.folder.parent for run in runs(store, study)})
    assert len(listed) == 3


def test_another_setting_is_no_staleness(made, smoke):
    """Its runs were never made; nothing is said of versions."""
    store, _ = made
    smoke["environments"][0]["optimizer"] = {"learning_rate": 0.3}
    other = load_study(smoke)
    missing = [run for b in other.blocks() for run in store.missing(b)]
    assert len(missing) == 6
    assert why_stale(missing) == []


def test_another_study_that_ran_later_hides_no_reason(made, smoke, monkeypatch):
    """It has the same labels, and so its runs lie in the same folders."""
    store, study = made
    smoke["environments"][0]["optimizer"] = {"learning_rate": 0.3}
    for block in load_study(smoke).blocks():
        training.train_block(store, block)
    other = provenance.numeric_identity() | {"torch": "9.9"}
    monkeypatch.setattr(provenance, "numeric_identity", lambda: other)
    (line,) = why_stale(runs(store, study.now()))
    assert line.startswith("6 runs are stale: torch was ")


def test_doctor_finds_nothing_on_the_machine_that_made_the_runs(made):
    """And says what differs, in how many runs, and what it may do, on another."""
    store, study = made
    assert from_this_machine(runs(store, study)) == []
    for run in runs(store, study)[:2]:
        made_by = run.record().made_by | {"cpu": "a slide rule", "python": "2.7"}
        run.write_record(replace(run.record(), made_by=made_by))
    lines = from_this_machine(runs(store, study))
    assert lines[0].startswith("cpu: a slide rule in 2 of 6 runs, ")
    assert "no bit should differ" in lines[0]
    assert lines[1].startswith("python: 2.7 in 2 of 6 runs")
    here = describe()["cpu"]
    words = f"made on a slide rule, compared on {here}"
    assert across_processors(runs(store, study)) == words
    assert across_processors(runs(store, study)[2:]) == ""


def test_without_the_same_instructions_bits_may_differ(made):
    """The runs say `as found`, on another processor."""
    store, study = made
    for run in runs(store, study)[:2]:
        made_by = run.record().made_by | {"cpu": "abacus", "dispatch": "as found"}
        run.write_record(replace(run.record(), made_by=made_by))
    lines = from_this_machine(runs(store, study))
    found = {line.partition(":")[0]: line for line in lines}
    assert "bits may differ: libraries choose" in found["cpu"]
    assert "as found in 2 of 6 runs, avx2 here" in found["dispatch"]


def test_runs_that_no_config_asks_for_are_listed_and_removed(made, smoke, tmp_path):
    """Others stay; folders that are empty then go too."""
    store, study = made
    everything = {run.folder for run in runs(store, study)}
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(smoke | {"seeds": [1]}))
    (tmp_path / "published.yaml").write_text("source: no study")
    files = [file, tmp_path / "published.yaml"]
    asked = pruning.wanted(files, store)
    keep, stale = asked.folders & everything, pruning.stale(asked)
    assert keep < everything
    assert set(stale) == everything - keep
    pruning.remove(stale)
    assert pruning.stale(asked) == []
    assert all(folder.is_dir() for folder in keep)
    pruning.remove(keep)
    assert list((store.results / "runs").iterdir()) == []
