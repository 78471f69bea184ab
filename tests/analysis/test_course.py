"""The exercises can be run, and their answers are what the code says."""

import pytest

from pgstudy.analysis.proofs.step import estimators, proof_table
from pgstudy.experiment.config.loading import read_config
from tests.conftest import ROOT

COURSE = ROOT / "config/course"
TEXT = " ".join((ROOT / "docs/course.md").read_text().split())
CONFIGS = sorted(COURSE.glob("*.yaml"), key=lambda file: int(file.stem.split("_")[0]))


def test_there_are_ten_and_each_has_its_place():
    """In the order of their numbers."""
    assert len(CONFIGS) == 10
    places = [TEXT.index(file.name) for file in CONFIGS]
    assert places == sorted(places)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda file: file.stem)
def test_verdicts_in_the_answers_are_those_of_prove(config, monkeypatch):
    """Every estimator of an exercise that is biased is said to be so, in its words."""
    monkeypatch.chdir(COURSE)
    study = read_config(config)
    table = proof_table(estimators(study))
    verdicts = table.groupby("estimator")["verdict"].first()
    for word in verdicts[verdicts != "unbiased"]:
        assert word in TEXT
