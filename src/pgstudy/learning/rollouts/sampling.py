"""From random streams to episodes: seeds, environments and their samplers.

Training, evaluation, gradients and recordings all sample by these functions.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.environments.parallel.environment_list import EnvironmentList
from pgstudy.learning.environments.parallel.envpool import EnvpoolLanes
from pgstudy.learning.environments.parallel.lanes import Lanes
from pgstudy.learning.environments.parallel.same_starts import SameStarts
from pgstudy.learning.environments.parallel.vector import VectorLanes, shows_its_state
from pgstudy.learning.environments.registry import load_code
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.making import make_policy
from pgstudy.learning.rollouts.sampler import Sampler
from pgstudy.learning.rollouts.side_by_side import Player, SideBySide
from pgstudy.learning.rollouts.streams import EpisodeStreams, Streams
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    EstimatorSpecification,
    RunSpecification,
)

PolicyOf = Callable[[Layout], Policy]
Seeds = Sequence[int]
Make = Callable[[EnvironmentSpecification, Seeds], EnvironmentList]
MakeLanes = Callable[[EnvironmentSpecification, Sequence[Seeds]], Lanes]
LANES: dict[bool | str, MakeLanes] = {True: VectorLanes, "envpool": EnvpoolLanes}

MOST_LANES = 1024  # of all runs that train side by side: bounds the memory


def at_once(specification: RunSpecification) -> int:
    """How many runs of a specification may train side by side; 1 if they can't.

    Those of a user's own code can't, which is not looked at here.
    """
    environment = specification.environment
    own = environment.module is not None or specification.policy.network is not None
    if not environment.vectorize or own:
        return 1
    if environment.vectorize == "envpool" or shows_its_state(environment):
        return max(1, MOST_LANES // specification.n)
    return 1


def make_samplers(
    specification: RunSpecification,
    streams: Sequence[EpisodeStreams],
    count: int,
    policies: Sequence[PolicyOf],
    make: Make | None = None,
) -> Sequence[Sampler | Player]:
    """A sampler of `count` trajectories at once for each of some runs.

    Each environment has its own seed. A policy is made once the environments' layout
    is known. Process-wide generators are left as they are. With `vectorize`, all runs
    share their lanes. `make` makes a list of environments instead of what the
    specification asks for. Errors: UnusableEnvironment.
    """
    environment, cap = specification.environment, _cap(specification)
    load_code(environment)
    every = zip(streams, policies, strict=True)
    if make is not None or not environment.vectorize:
        listed = make or EnvironmentList
        return [
            _listed(specification, one, count, policy, listed) for one, policy in every
        ]
    seeds = [_seeds(one, count) for one in streams]
    lanes = LANES[environment.vectorize](environment, seeds)
    generators = [np.random.default_rng(one.actions) for one in streams]
    made = [policy(lanes.layout) for policy in policies]
    return SideBySide(lanes, made, generators, cap).players


def training_samplers(
    specification: RunSpecification, seeds: Sequence[int]
) -> Sequence[Sampler | Player]:
    """Of the training of each seed, with its untrained policy."""
    streams = [Streams(specification, seed) for seed in seeds]

    def untrained(layout: Layout, stream: Streams) -> Policy:
        generator = np.random.default_rng(stream.weights)
        return make_policy(layout, specification.policy, generator)

    return make_samplers(
        specification,
        [stream.training for stream in streams],
        specification.n,
        [functools.partial(untrained, stream=stream) for stream in streams],
        same_starts(specification.estimator),
    )


def same_starts(estimator: EstimatorSpecification) -> Make | None:
    """How environments are made for an estimator whose groups begin alike."""
    size = estimator.trajectories_per_start
    return None if size is None else functools.partial(SameStarts, size=size)


def _listed(
    specification: RunSpecification,
    streams: EpisodeStreams,
    count: int,
    policy: PolicyOf,
    make: Make,
) -> Sampler:
    environments = make(specification.environment, _seeds(streams, count))
    generator = np.random.default_rng(streams.actions)
    made = policy(environments.layout)
    return Sampler(environments, made, generator, _cap(specification))


def restarted(sampler: Sampler | Player, streams: EpisodeStreams, count: int) -> bool:
    """Put a used sampler of `count` where a new one of these streams would begin.

    False where that can't be; making environments anew is 2/3 of a short test's time.
    """
    if not isinstance(sampler, Sampler):
        return False
    generator = np.random.default_rng(streams.actions)
    return sampler.restart(_seeds(streams, count), generator)


def _cap(specification: RunSpecification) -> int:
    return specification.environment.max_episode_steps


def _seeds(streams: EpisodeStreams, count: int) -> list[int]:
    seeds = streams.environments.generate_state(count, np.uint64) >> np.uint64(1)
    found: list[int] = seeds.tolist()
    return found


@contextlib.contextmanager
def sampling(
    specification: RunSpecification,
    streams: EpisodeStreams,
    count: int,
    policy: PolicyOf,
    make: Make | None = None,
) -> Iterator[Sampler | Player]:
    """A sampler for a while: process-wide generators are seeded, then as before.

    `make`: see `make_samplers`.
    """
    with seeded(streams.global_generators):
        (sampler,) = make_samplers(specification, [streams], count, [policy], make)
        with contextlib.closing(sampler):
            yield sampler
