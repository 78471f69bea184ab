"""What a baseline remembered is kept with the policies of a run, and found again."""

import copy

import numpy as np
import pytest

from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    EstimatorSpecification,
    PolicySpecification,
    ValueSpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import specification

RUNNING = EstimatorSpecification(baseline="running-mean", credit="to-go")
WINDOW = EstimatorSpecification(baseline="running-mean", credit="to-go", window=2)
DECAY = EstimatorSpecification(baseline="running-mean", credit="to-go", decay=0.7)
NETWORK = EstimatorSpecification(
    baseline="learned", value=ValueSpecification(0.01, "observation", (4,))
)
SCALAR = EstimatorSpecification(
    baseline="learned", value=ValueSpecification(0.01, "constant", (), "step")
)
NORMALISED = PolicySpecification((8,), normalise_observations=True)


def kept_at(milestones, at):
    found = {k.split("/")[1]: v for k, v in milestones.items() if k.startswith(at)}
    return {k: v for k, v in found.items() if k.startswith("baseline.")}


@pytest.mark.parametrize("how", [RUNNING, WINDOW, DECAY, NETWORK, SCALAR])
def test_the_next_batch_meets_the_baseline_that_was_kept(how):
    """At the start, in the middle and at the end, to the last bit of its weights."""
    run = specification(estimator=how, policy=NORMALISED)
    met = []

    def meet(trainer):
        batch = trainer.sampler.sample()
        state = trainer.weights.saved()
        normaliser = copy.deepcopy(trainer.policy.normaliser.state())
        met.append((batch, trainer.weights(batch), normaliser))
        trainer.weights.load(state)

    first = Trainer(run, 3)
    meet(first)
    training = train(run, 3, after_update=meet)
    for at, index in ("start", 0), ("middle", 3), ("end", 5):
        batch, weights, normaliser = met[index]
        fresh = Trainer(run, 4)
        fresh.policy.normaliser.restore(normaliser)
        kept = kept_at(training.milestones, at)
        assert kept
        fresh.weights.load(kept)
        assert (fresh.weights(batch) == weights).all()


def test_what_is_kept_is_a_copy():
    """Later batches leave the start's baseline as it was: nothing."""
    kept = train(specification(estimator=RUNNING), 0).milestones
    assert kept["start/baseline.count"] == 0
    assert kept["middle/baseline.count"] == 3 * 4
    assert kept["end/baseline.count"] == 5 * 4
    assert not kept["start/baseline.sums"].any()
    assert np.abs(kept["end/baseline.sums"]).sum() > 0


def test_what_is_forgotten_is_not_kept():
    """Of a window, the last two batches of four; of a decay, their weights."""
    kept = train(specification(estimator=WINDOW), 0).milestones
    assert kept["start/baseline.counts"].tolist() == [0]
    assert kept["middle/baseline.counts"].tolist() == [4, 4]
    assert len(kept["end/baseline.sums"]) == 2
    kept = train(specification(estimator=DECAY), 0).milestones
    weight = 4 * (1 + 0.7 + 0.7**2)
    assert kept["middle/baseline.count"].item() == pytest.approx(weight)


@pytest.mark.parametrize("baseline", ["none", "batch-mean", "leave-one-out"])
def test_a_run_without_memory_keeps_what_it_kept_before(baseline):
    """No file of such a run changes, nor its digest."""
    how = EstimatorSpecification(baseline=baseline)
    assert not how.remembers
    kept = train(specification(estimator=how), 0).milestones
    assert {name.partition("/")[0] for name in kept} == {"start", "middle"}
    assert not any("baseline" in name for name in kept)
