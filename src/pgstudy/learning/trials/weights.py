"""Whether a user's own estimator can be used: what it gives for a few made-up batches.

Whether it is biased is another question; `pgstudy prove` answers that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pgstudy.learning.estimators.own import OwnWeights, UnusableWeights
from pgstudy.learning.estimators.weights import (
    Array,
    Mask,
    discounts,
    reward_to_go,
    total_return,
)
from pgstudy.learning.specification import Credit, EstimatorSpecification

STEPS = 6
BATCHES = 3
TOLERANCE = 1e-9
Columns = tuple[Array, Mask]  # rewards and mask: [T, N]


def check(how: EstimatorSpecification, n: int, promised: Credit | None) -> None:
    """Call it on a few batches of N trajectories, or of a group.

    It gives finite weights of the right shape, the same ones for the same batches, and
    its state is all that it remembers. With a credit that is promised, the weights are
    that credit less a baseline that does not look at its own trajectory's future.
    Errors: UnusableWeights, UnusableEnvironment.
    """
    batches = [_batch(number, n) for number in range(BATCHES)]
    first = _in_turn(OwnWeights(how), batches)
    for weights, (_, mask) in zip(first, batches, strict=True):
        if not np.isfinite(weights[mask]).all():
            raise UnusableWeights("it gives weights that are not finite numbers")
    if not _equal(first, _in_turn(OwnWeights(how), batches), batches):
        cure = (
            "draw nothing, or from a generator that each call makes with a fixed seed"
        )
        raise UnusableWeights(f"it gives other weights for the same batches; {cure}")
    _check_state(how, batches, first)
    if promised is not None:
        _check_future(how, batches, promised)


def _batch(number: int, n: int) -> Columns:
    """Trajectories of 1 to STEPS steps; in the first batch all rewards are equal."""
    generator = np.random.default_rng([number, n])
    lengths = generator.integers(1, STEPS + 1, n)
    lengths[0] = STEPS
    mask = np.arange(STEPS)[:, None] < lengths
    rewards = generator.normal(size=mask.shape) if number else np.ones(mask.shape)
    return np.where(mask, rewards, 0.0), mask


def _in_turn(own: OwnWeights, batches: Iterable[Columns]) -> list[Array]:
    return [_called(own, *batch) for batch in batches]


def _called(own: OwnWeights, rewards: Array, mask: Mask) -> Array:
    """The weights; what a user's function raises is told as a fault of it."""
    try:
        return own(rewards, mask).copy()
    except UnusableWeights:
        raise
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnusableWeights(f"at N = {mask.shape[1]} it raises {reason}") from error


def _equal(one: list[Array], two: list[Array], batches: list[Columns]) -> bool:
    every = zip(one, two, batches, strict=True)
    return all(np.array_equal(a[mask], b[mask]) for a, b, (_, mask) in every)


def _check_state(
    how: EstimatorSpecification, batches: list[Columns], expected: list[Array]
) -> None:
    """A new object that takes the state over goes on as the old one would have."""
    old, new = OwnWeights(how), OwnWeights(how)
    _in_turn(old, batches[:-1])
    new.restore(old.state())
    if not _equal([_called(new, *batches[-1])], expected[-1:], batches[-1:]):
        cure = "state() must hold all that it remembers, and restore() take it over"
        if not old.state():
            cure = "make it a class with state() and restore(state)"
        raise UnusableWeights(f"it remembers batches that its state lacks; {cure}")


def _check_future(
    how: EstimatorSpecification, batches: list[Columns], promised: Credit
) -> None:
    """The baseline at t stays as it is when its own trajectory goes on otherwise."""
    earlier, (rewards, mask) = batches[:-1], batches[-1]
    before = _baseline(how, batches, promised)
    for t, i in np.argwhere(mask):
        for other in _otherwise(rewards, mask, t, i):
            after = _baseline(how, [*earlier, other], promised)
            kept, found = before[: t + 1, i], after[: t + 1, i]
            if abs(found - kept).max() > TOLERANCE * (1 + abs(kept).max()):
                cause = f"the weight at step {t} takes more of its own trajectory"
                cure = "leave out 'credit', and see what `pgstudy prove` says"
                raise UnusableWeights(
                    f"{cause} from step {t} on than 'credit: {promised}' does; {cure}"
                )


def _otherwise(rewards: Array, mask: Mask, t: int, i: int) -> Iterator[Columns]:
    """The batch with other rewards of trajectory i from step t on, and where it ends
    right then, or goes on to the last step.
    """
    changed = rewards.copy()
    changed[t:, i] += 1.0 + np.arange(len(rewards) - t)
    for last in {t, int(mask[:, i].sum()) - 1, STEPS - 1}:
        lengths = mask.sum(0)
        lengths[i] = last + 1
        going = np.arange(lengths.max())[:, None] < lengths
        yield np.where(going, changed[: len(going)], 0.0), going


def _baseline(
    how: EstimatorSpecification, batches: list[Columns], promised: Credit
) -> Array:
    """Credit less weights for the last of some batches: [T, N]."""
    rewards, mask = batches[-1]
    if promised == "to-go":
        credit = discounts(len(mask), how.gamma) * reward_to_go(rewards, how.gamma)
    else:
        credit = total_return(rewards, how.gamma)
    weights = _in_turn(OwnWeights(how), batches)[-1]
    baseline: Array = np.where(mask, credit - weights, 0.0)
    return baseline
