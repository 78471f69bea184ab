"""Recordings of final policies, an episode each.

Of an environment's best cell the worst, the median and the best run play one.
No screen is needed. The bytes depend on the policies and the seeds alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.numpy

from pgstudy.analysis.recordings.corridor import PAINTERS, Painter
from pgstudy.analysis.recordings.frames import (
    Picture,
    Reel,
    encoded,
    rendered,
)
from pgstudy.learning.environments import faults, spaces
from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments.making import make
from pgstudy.learning.environments.parallel.environment_list import (
    Ended,
    EnvironmentList,
)
from pgstudy.learning.estimators.gradients import one_thread
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.making import load, make_policy
from pgstudy.learning.rollouts.sampler import Sampler
from pgstudy.learning.rollouts.sampling import sampling
from pgstudy.learning.rollouts.streams import EpisodeStreams
from pgstudy.learning.specification import EnvironmentSpecification, RunSpecification

STREAM = 20_240_607  # sets the recordings' random numbers apart from those of training
STEPS_PER_SECOND = 4.0  # where an environment names no pace


@dataclass(frozen=True)
class Recording:
    """One episode: frames, how long each is shown (ms), its return and its steps."""

    frames: Sequence[Picture]
    durations: Sequence[int]
    episode_return: float
    steps: int

    def encoded(self) -> bytes:
        """As an animated WebP. Errors: TooLarge."""
        return encoded(self.frames, self.durations)


class RecordedEnvironment(EnvironmentList):
    """One that is looked at after its reset and its steps, for a reel of pictures."""

    def __init__(
        self,
        specification: EnvironmentSpecification,
        seeds: Sequence[int],
        painter: Painter,
    ) -> None:
        super().__init__(specification, seeds)
        self._paint = painter
        self.reel = Reel()
        self.steps = 0
        self.total = 0.0

    @property
    def pace(self) -> float:
        """Steps per second, as the environment's authors would show them."""
        return float(
            self._environments[0].metadata.get("render_fps") or STEPS_PER_SECOND
        )

    def reset(self, rows: spaces.Rows) -> None:
        """See `EnvironmentList.reset`."""
        super().reset(rows)
        self.look()

    def step(
        self, actions: spaces.Actions, rows: spaces.Rows, rewards: list[float]
    ) -> Ended | None:
        """See `EnvironmentList.step`."""
        ended = super().step(actions, rows, rewards)
        self.steps += 1
        self.total += float(rewards[-1])
        if self.reel.wants(self.steps):
            self.look()
        return ended

    def look(self) -> None:
        """Keep a picture of the environment as it is now."""
        picture = self._paint(self._environments[0].unwrapped)
        self.reel.add(picture, self.steps, self.total)


def record(specification: RunSpecification, policy_file: Path, seed: int) -> Recording:
    """Let a saved policy play one episode, drawing its actions, and record it.

    `seed` is the run's. Errors: OSError, UnusableEnvironment, EnvironmentFault, and
    whatever an environment raises while it is made or rendered.
    """
    root = np.random.SeedSequence(seed, spawn_key=(STREAM,))
    environment, actions, weights, global_generators = root.spawn(4)
    streams = EpisodeStreams(environment, actions, global_generators)

    def policy(layout: spaces.Layout) -> Policy:  # all weights are loaded over
        generator = np.random.default_rng(weights)
        return make_policy(layout, specification.policy, generator)

    with (
        one_thread(),
        warnings.catch_warnings(action="ignore"),  # what goes wrong is raised, too
        sampling(specification, streams, 1, policy, _recorded) as sampler,
    ):
        load(sampler.policy, safetensors.numpy.load_file(policy_file))
        assert isinstance(sampler, Sampler)
        batch, shown = sampler.sample(), sampler.environments
        assert isinstance(shown, RecordedEnvironment)
        shown.look()  # the end, whatever the stride
        frames, durations = shown.reel.cut(shown.pace)
        return Recording(frames, durations, float(batch.returns[0]), shown.steps)


def _recorded(
    specification: EnvironmentSpecification, seeds: Sequence[int]
) -> RecordedEnvironment:
    """The environment with its pictures. Errors: UnusableEnvironment."""
    environments.load_code(specification)
    if specification.id in PAINTERS:
        return RecordedEnvironment(specification, seeds, PAINTERS[specification.id])
    plain = make(specification)
    modes = plain.metadata.get("render_modes") or ()
    plain.close()
    if "rgb_array" not in modes:
        raise faults.UnusableEnvironment("it has no render mode rgb_array")
    kwargs = {**specification.kwargs, "render_mode": "rgb_array"}
    shown = replace(specification, kwargs=kwargs)
    return RecordedEnvironment(shown, seeds, rendered)
