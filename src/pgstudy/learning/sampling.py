"""From random streams to episodes: seeds, parallel environments and their sampler.

Training, evaluation, gradients and recordings all sample by these two functions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.environments.parallel.factory import Make, make_parallel
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.rollout import Sampler
from pgstudy.learning.specification import RunSpecification
from pgstudy.learning.streams import EpisodeStreams

PolicyOf = Callable[[Layout], Policy]


def make_sampler(
    specification: RunSpecification,
    streams: EpisodeStreams,
    count: int,
    policy: PolicyOf,
    make: Make = make_parallel,
) -> Sampler:
    """A sampler of `count` trajectories at once; each environment has its own seed.

    The policy is made once the environments' layout is known. Process-wide generators
    are left as they are. Errors: UnusableEnvironment.
    """
    seeds = streams.environments.generate_state(count, np.uint64) >> np.uint64(1)
    environments = make(specification.environment, seeds.tolist())
    return Sampler(
        environments,
        policy(environments.layout),
        np.random.default_rng(streams.actions),
        specification.environment.max_episode_steps,
    )


@contextlib.contextmanager
def sampling(
    specification: RunSpecification,
    streams: EpisodeStreams,
    count: int,
    policy: PolicyOf,
    make: Make = make_parallel,
) -> Iterator[Sampler]:
    """The same for a while: process-wide generators are seeded, then as before."""
    with seeded(streams.global_generators):
        sampler = make_sampler(specification, streams, count, policy, make)
        with contextlib.closing(sampler):
            yield sampler
