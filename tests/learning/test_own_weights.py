"""A user's own estimator: what it gives is what is used, or it is refused by name."""

import numpy as np
import pytest

from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.own import OwnWeights, UnusableWeights
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import EstimatorSpecification
from pgstudy.learning.trials.weights import check
from tests.learning import enumeration
from tests.learning.helpers import specification
from tests.learning.own_code import PLACE


def own(name, **options):
    return EstimatorSpecification(weights=f"{PLACE}:{name}", **options)


def batch(seed, count=4):
    """Trajectories of the corridor, of other lengths."""
    every = enumeration.corridor((0.0, 0.3), 5)
    chosen = np.random.default_rng(seed).choice(len(every), count)
    return enumeration.as_batch([every[k] for k in chosen])


@pytest.mark.parametrize(
    ("mine", "built_in"),
    [
        (own("leave_out"), EstimatorSpecification(baseline="leave-one-out")),
        (own("to_go"), EstimatorSpecification("to-go")),
        (
            own("leave_out", trajectories_per_start=2),
            EstimatorSpecification(baseline="leave-one-out", trajectories_per_start=2),
        ),
    ],
)
def test_the_same_weights_by_an_own_function_as_by_the_built_in_one(mine, built_in):
    """To the bit, also in groups."""
    for seed in range(5):
        one, other = StepWeights(mine)(batch(seed)), StepWeights(built_in)(batch(seed))
        assert np.array_equal(one, other)


def test_keyword_arguments_are_passed_on():
    """To a function, and to the class that makes the object."""
    plain, twice = (StepWeights(own("to_go", kwargs=k)) for k in ({}, {"scale": 2}))
    assert np.array_equal(2 * plain(batch(0)), twice(batch(0)))
    slow, still = own("Slow", kwargs={"keep": 0.5}), own("Slow", kwargs={"keep": 1})
    found = [StepWeights(how) for how in (slow, still)]
    one, other = [[weights(batch(k)) for k in (0, 1)] for weights in found]
    assert np.array_equal(one[0], other[0])
    assert not np.array_equal(one[1], other[1])


def test_a_run_goes_on_from_its_state_to_the_same_bits():
    """Of an estimator that remembers; what it does is beside the policy, too."""
    spec = specification(estimator=own("Slow"))
    whole = Trainer(spec, 0)
    states = []
    training = whole.run(lambda trainer: states.append(trainer.state()))
    again = Trainer(spec, 0)
    again.restore(states[len(states) // 2])
    assert again.run().digest() == training.digest()
    assert training.milestones["end/baseline.mean"] != 0


def test_an_empty_state_is_taken_up_too():
    """Each batch of a measurement meets what was remembered then: nothing, here."""
    weights = StepWeights(own("Empty"))
    kept = weights.saved()
    first = weights(batch(0))
    weights(batch(1))
    weights.load(kept | {"my_baseline.x": np.zeros(1)})
    assert np.array_equal(weights(batch(0)), first)


def test_what_is_kept_beside_a_policy_is_taken_up():
    """`saved` and `load`, as measurements use them."""
    first, other = StepWeights(own("Slow")), StepWeights(own("Slow"))
    first(batch(0))
    other.load({"layers.0.weight": np.zeros(3), **first.saved()})
    assert np.array_equal(first(batch(1)), other(batch(1)))


@pytest.mark.parametrize("name", ["leave_out", "median", "to_go", "Slow"])
@pytest.mark.parametrize("n", [2, 5])
def test_a_sound_one_passes(name, n):
    check(own(name), n, None)


def test_a_promise_to_go_holds_the_discount(name="discounted"):
    """gamma^t times the rewards to go are unbiased; without it they are not."""
    check(own(name, gamma=0.9, kwargs={"power": 1}), 4, "to-go")
    with pytest.raises(UnusableWeights, match="more of its own trajectory"):
        check(own(name, gamma=0.9, kwargs={"power": 0}), 4, "to-go")


BAD = {
    "complex": "gives a ndarray, not real numbers",
    "StateRaises": r"its state\(\) raises KeyError",
    "random": "other weights for the same batches",
    "column": r"of the shape \[4\]; weights are \[T, N\] = \[6, 4\], or \[1, 4\]",
    "words": "gives a str, not real numbers",
    "infinite": "not finite numbers",
    "overwrites": "raises ValueError: .*read-only",
    "raises": "at N = 4 it raises IndexError",
    "Forgetful": "remembers batches that its state lacks; state",
    "Half": "one of state and restore",
    "hidden": "other weights for the same batches|remembers",
    "NUMBER": "neither a function nor a class",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_refused_with_the_reason(name):
    with pytest.raises(UnusableWeights, match=BAD[name]):
        check(own(name), 4, None)


def test_a_class_that_wants_other_arguments_is_refused():
    with pytest.raises(UnusableWeights, match="can't be made: TypeError"):
        OwnWeights(own("Slow", kwargs={"keeps": 1}))


@pytest.mark.parametrize("place", [f"{PLACE}:none", "tests.no_module:f"])
def test_what_is_not_there_is_named(place):
    with pytest.raises(UnusableEnvironment, match=r"has no 'none'|can't be imported"):
        check(EstimatorSpecification(weights=place), 4, None)


@pytest.mark.parametrize(
    ("name", "credit", "kept"),
    [
        ("leave_out", "total", True),
        ("median", "total", True),
        ("to_go", "to-go", True),
        ("to_go", "total", True),  # a total return less what is past
        ("leave_out", "to-go", True),
        ("own_in_mean", "total", False),
        ("mean_over_steps", "total", False),
        ("longer", "total", False),  # its own length, where rewards stay as they are
    ],
)
def test_a_promised_credit_is_held_against_the_own_future(name, credit, kept):
    """A baseline may look at the past and at other trajectories, and no further."""
    if kept:
        check(own(name), 4, credit)
    else:
        with pytest.raises(UnusableWeights, match="more of its own trajectory"):
            check(own(name), 4, credit)
