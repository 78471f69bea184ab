"""Fresh episodes of a policy: its evaluation, and whether it has reached a target.

A target is tested between updates, with episodes that are part of no estimate and of no
budget. So the rule is the same at every N, however large the batches are. Its error is
known by other fresh episodes: those that evaluate the policy with which a run ended.
"""

from __future__ import annotations

import math

import numpy as np

from pgstudy.learning import divergence
from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.rollouts.columns import Column
from pgstudy.learning.rollouts.sampler import Sampler
from pgstudy.learning.rollouts.sampling import make_samplers, restarted, sampling
from pgstudy.learning.rollouts.side_by_side import Player
from pgstudy.learning.rollouts.streams import EpisodeStreams, Streams
from pgstudy.learning.specification import RunSpecification

EACH = 25  # updates; from the double on, tests are at most 1/25 of them apart
FIRST = 16  # episodes of a test's first stage
HOPE = 2.0  # standard errors


def returns(
    specification: RunSpecification, policy: Policy, streams: EpisodeStreams
) -> Column:
    """Returns of the evaluation of a policy, as it is: [E]. Errors: Stopped."""
    count = specification.evaluation_episodes
    if count == 0:
        return np.empty(0)
    with sampling(specification, streams, count, lambda _: policy) as sampler:
        return _played(sampler)


def _played(sampler: Sampler | Player) -> Column:
    batch = divergence.sample(sampler)
    divergence.check_outputs(sampler.policy, batch)
    return batch.returns


def is_tested(update: int) -> bool:
    """Whether a run with a target is tested after an update: after each of the first
    50, and then so often that the time to the target is known to 4 %.
    """
    apart = 2 ** max(0, (update // EACH).bit_length() - 1)
    return bool(update % apart == 0)


class Tests:
    """Tests of a run's policy, as it then is, against the target."""

    def __init__(
        self, specification: RunSpecification, policy: Policy, streams: Streams
    ) -> None:
        self._specification = specification
        self._policy = policy
        self._streams = streams
        self._samplers: dict[int, Sampler | Player] = {}

    def mean(self, update: int) -> float | None:
        """The mean return of the test after an update; None if there is no test then.

        Its episodes are played in stages, each of which has four times as many as there
        were before it. After a stage whose mean is below the threshold by more than
        `HOPE` standard errors there is no other. Errors: Stopped.
        """
        target = self._specification.target
        if target is None or not is_tested(update):
            return None
        found = np.empty(0)
        for stage, count in enumerate(stages(target.episodes)):
            fresh = self._returns(self._streams.test(update, stage), count)
            found = np.concatenate([found, fresh])
            error = float(found.std(ddof=1)) / math.sqrt(len(found))
            if float(found.mean()) + HOPE * error < target.threshold:
                break
        return float(found.mean())

    def _returns(self, streams: EpisodeStreams, count: int) -> Column:
        """[count]; environments of an earlier test serve again where they may."""
        specification, policy = self._specification, self._policy
        with seeded(streams.global_generators):
            kept = self._samplers.get(count)
            if kept is None or not restarted(kept, streams, count):
                made = make_samplers(
                    specification, [streams], count, [lambda _: policy]
                )
                if kept is not None:
                    kept.close()
                (self._samplers[count],) = made
            return _played(self._samplers[count])

    def way(self, untrained: Column, mean: float) -> float:
        """How far a mean is from the untrained policy's to the target: 1 is there.

        untrained: [E]; where nothing is known of it, a mean below the target is 0.
        """
        target = self._specification.target
        assert target is not None
        if mean >= target.threshold:
            return 1.0
        if len(untrained) == 0 or untrained.mean() >= target.threshold:
            return 0.0
        start = float(untrained.mean())
        return (mean - start) / (target.threshold - start)

    def close(self) -> None:
        """Let go of the environments."""
        for sampler in self._samplers.values():
            sampler.close()


def stages(episodes: int) -> list[int]:
    """How many episodes each stage of a test adds, `episodes` in all."""
    counts, played = [], 0
    while played < episodes:
        counts.append(min(3 * played or FIRST, episodes - played))
        played += counts[-1]
    return counts
