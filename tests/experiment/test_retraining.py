"""Runs trained again: the same bits, or the first difference by name."""

from dataclasses import replace

import pandas as pd
import pytest
import safetensors.torch
import yaml

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import POLICY, UPDATES, Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system.files import file_digest
from pgstudy.experiment.training import block as training
from pgstudy.experiment.training import retraining
from tests.conftest import SMOKE


@pytest.fixture(scope="module")
def study():
    config = SMOKE | {"seeds": 3, "environments": SMOKE["environments"][:1]}
    return load_study(config)


@pytest.fixture
def store(study, tmp_path):
    store = Store(tmp_path)
    for block in study.blocks():
        training.train_block(store, block)
    return store


def folder(store, study):
    return StudyFolder(store, study, store.results / study.name)


def test_the_sample_has_one_run_of_each_cell_and_other_seeds(study, store):
    """Or all of them, if the config says so; only what is there."""
    chosen = retraining.sample(folder(store, study))
    assert [run.cell for run in chosen] == list(study.cells)
    assert [run.seed for run in chosen] == [0, 1, 2]
    (chosen[0].folder / "run.json").unlink()
    assert len(retraining.sample(folder(store, study))) == 2
    every = load_study(dict(study.config) | {"verify": {"runs": "all"}})
    assert len(retraining.sample(folder(store, every))) == 8


def test_a_run_trained_again_is_identical(study, store):
    """In a process and folder of its own, with other threads in its shell."""
    found = retraining.retrain(retraining.sample(folder(store, study)))
    assert [one.identical for one in found] == [True] * 3
    assert {one.text().split(": ")[1] for one in found} == {"identical"}


def tampered(run, digest="0" * 64, **changes):
    """Make a changed run look sound: only training again can tell."""
    files = {name: file_digest(run.folder / name) for name in run.record().files}
    changes = {"digest": digest, "files": files} | changes
    run.write_record(replace(run.record(), **changes))
    assert run.is_complete()


def test_one_changed_weight_is_found(study, store):
    """The updates agree, so it is the policy that does not."""
    run = store.run(study.cells[0], 0)
    weights = safetensors.torch.load_file(run.folder / POLICY)
    weights["layer0.weight"][0, 0] += 1e-3
    safetensors.torch.save_file(weights, run.folder / POLICY)
    tampered(run)
    (found,) = retraining.retrain([run])
    assert not found.identical
    assert found.first_update is None
    assert "the policy or an evaluation is not" in found.text()
    assert run.name in found.text()


def test_the_first_differing_update_and_the_machines_are_named(study, store):
    """As they are recorded of how the two were made."""
    run = store.run(study.cells[0], 0)
    table = pd.read_parquet(run.folder / UPDATES)
    table.loc[6, "mean_return"] += 1
    table.to_parquet(run.folder / UPDATES)
    made_by = run.record().made_by | {"cpu": "a slide rule"}
    tampered(run, made_by=made_by)
    (found,) = retraining.retrain([run])
    assert found.first_update == 7
    assert "the first difference is at update 7" in found.text()
    assert "cpu: a slide rule then" in found.text()


def test_a_run_that_can_not_be_trained_again_is_not_identical(
    study, store, monkeypatch
):
    """The reason is kept."""
    monkeypatch.setattr(retraining.sys, "executable", "/bin/false")
    (found,) = retraining.retrain(retraining.sample(folder(store, study))[:1])
    assert not found.identical
    assert found.why.startswith("failed")


def test_verify_takes_one_of_two_words():
    """Anything else is a message."""
    with pytest.raises(ValueError, match=r"verify.runs: 'some' is not known"):
        load_study(yaml.safe_load(yaml.safe_dump(SMOKE)) | {"verify": {"runs": "some"}})
