"""The estimators of a study in equations and words."""

import pytest

from pgstudy.analysis.report.glossary import BASELINES, entries, equation
from pgstudy.experiment.config.loading import load_study
from pgstudy.learning.specification import Baseline, EstimatorSpecification

AS_WRITTEN = "∇J ≈ 1/N Σ_i Σ_t ∇log π(a_it|s_it) C_i"


def test_the_formula_stands_as_it_is_written():
    assert equation(EstimatorSpecification()) == AS_WRITTEN


@pytest.mark.parametrize(
    "settings, ending",
    [
        ({"baseline": "leave-one-out"}, "(C_i − b)"),
        ({"credit": "to-go"}, "C_it"),
        ({"credit": "to-go", "gamma": 0.9}, "γ^t C_it"),
        ({"credit": "to-go", "gamma": 0.9, "discounting": "biased"}, "C_it"),
        ({"baseline": "batch-mean", "normalise": True}, "(C_i − b) / s"),
        ({"baseline": "batch-mean", "length_division": True}, "(C_i − b) / T_i"),
    ],
)
def test_each_part_of_the_weights_is_in_the_equation(settings, ending):
    assert equation(EstimatorSpecification(**settings)).endswith(f"a_it|s_it) {ending}")


def test_every_baseline_has_words():
    assert set(BASELINES) == set(Baseline.__args__) - {"none"}


def test_a_study_names_its_estimators_first_and_only_what_it_has():
    study = load_study(
        {
            "study": "small",
            "seeds": 2,
            "sample_counts": [4],
            "environments": [
                {
                    "id": "ShortCorridor-v0",
                    "updates": 2,
                    "optimizer": {"learning_rate": 0.01},
                }
            ],
            "estimators": [
                {"name": "mine", "baseline": "running-mean", "window": 3},
                {"name": "plain"},
            ],
        }
    )
    found = entries(study)
    assert [entry.term for entry in found[:2]] == ["mine", "plain"]
    assert "batches of the last 3 updates count" in found[0].words
    terms = {entry.term for entry in found}
    assert "N" in terms
    assert not terms & {"S_min", "gradient noise scale"}
