"""Fresh episodes of a policy: its evaluation, and whether it has reached a target.

A target is tested between updates, with episodes that are part of no estimate and of no
budget. So the rule is the same at every N, however large the batches are. Its error is
known by other fresh episodes: those that evaluate the policy with which a run ended.
"""

from __future__ import annotations

import math

import numpy as np

from pgstudy.learning import divergence
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.results import Column
from pgstudy.learning.rollouts.sampling import sampling
from pgstudy.learning.rollouts.streams import EpisodeStreams, Streams
from pgstudy.learning.specification import RunSpecification

EACH = 25  # updates; from the double on, tests are at most 1/25 of them apart
FIRST = 16  # episodes of a test's first stage
HOPE = 2.0  # standard errors


def returns(
    specification: RunSpecification, policy: Policy, streams: EpisodeStreams
) -> Column:
    """Returns of the evaluation of a policy, as it is: [E]. Errors: Stopped."""
    return _fresh(specification, policy, streams, specification.evaluation_episodes)


def _fresh(
    specification: RunSpecification, policy: Policy, streams: EpisodeStreams, count: int
) -> Column:
    """Returns of so many episodes, each in an environment made for it: [count]."""
    if count == 0:
        return np.empty(0)
    with sampling(specification, streams, count, lambda _: policy) as sampler:
        batch = divergence.sample(sampler)
    divergence.check_outputs(policy, batch)
    return batch.returns


def is_tested(specification: RunSpecification, update: int) -> bool:
    """Whether there is a test after an update: with a target, after each of the first
    50, and then so often that the time to it is known to 4 %.
    """
    if specification.target is None:
        return False
    apart = 2 ** max(0, (update // EACH).bit_length() - 1)
    return bool(update % apart == 0)


def test(
    specification: RunSpecification, policy: Policy, streams: Streams, update: int
) -> float:
    """The mean return of a test's episodes, to be held against the target.

    They are played in stages, each of which has four times as many as there were before
    it. After a stage whose mean is below the threshold by more than `HOPE` standard
    errors there is no other. Errors: Stopped.
    """
    target = specification.target
    assert target is not None
    found = np.empty(0)
    for stage, count in enumerate(stages(target.episodes)):
        fresh = _fresh(specification, policy, streams.test(update, stage), count)
        found = np.concatenate([found, fresh])
        error = float(found.std(ddof=1)) / math.sqrt(len(found))
        if float(found.mean()) + HOPE * error < target.threshold:
            break
    return float(found.mean())


def stages(episodes: int) -> list[int]:
    """How many episodes each stage of a test adds, `episodes` in all."""
    counts, played = [], 0
    while played < episodes:
        counts.append(min(3 * played or FIRST, episodes - played))
        played += counts[-1]
    return counts


def way(specification: RunSpecification, untrained: Column, mean: float) -> float:
    """How far a mean return is from the untrained policy's to the target: 1 is there.

    untrained: [E]; where nothing is known of it, a mean below the target is 0.
    """
    target = specification.target
    assert target is not None
    if mean >= target.threshold:
        return 1.0
    if len(untrained) == 0 or untrained.mean() >= target.threshold:
        return 0.0
    start = float(untrained.mean())
    return (mean - start) / (target.threshold - start)
