"""Estimates of grad J at a policy that is held still, by the code that trains."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pgstudy.analysis.statistics.basics import Array
from pgstudy.experiment.study.study import Study
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.gradients import gradient
from pgstudy.learning.estimators.learned_value import LearnedValue
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.making import load, make_policy
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.rollouts.columns import Column
from pgstudy.learning.rollouts.sampling import Make, same_starts, sampling
from pgstudy.learning.rollouts.streams import EpisodeStreams
from pgstudy.learning.specification import EstimatorSpecification, RunSpecification

AT_ONCE = 64  # parallel environments; split into batches of N trajectories
FEWEST = 8  # batches, whatever they cost
REFERENCE_N = 8  # trajectories per estimate of the reference
REFERENCE = EstimatorSpecification("to-go", baseline="leave-one-out")  # unbiased


@dataclass(frozen=True)
class Effort:
    """How much is sampled for each N at each policy: batches, or fewer if they would
    take more environment steps than this. `starts`: those that variance is split with.
    """

    batches: int
    env_steps: int
    starts: int = 0


def effort_of(study: Study) -> Effort:
    """What the study's `gradients` asks for."""
    asked = study.gradients or {}
    return Effort(asked["batches"], asked["env_steps"], asked.get("sources", 0))


@dataclass(frozen=True)
class Samples:
    """B estimates of grad J from N trajectories each, by estimator: [B, P]; and the
    mean number of environment steps that one takes.
    """

    estimates: Mapping[str, Array]
    env_steps: float


class Probe:
    """One policy held still, and the estimators that are compared there.

    arrays: the policy's, and with them what a baseline remembered (`baseline.*`) when
    the run had this policy. Each batch meets that baseline, as the run's next one did:
    what it would have learned is forgotten, so batches are independent.
    """

    def __init__(
        self,
        specification: RunSpecification,
        arrays: Mapping[str, Column],
        effort: Effort,
        name: str,
    ) -> None:
        self._specification, self._effort = specification, effort
        self.splits = effort.starts > 0
        digest = hashlib.sha256(name.encode()).digest()
        self._streams = np.random.SeedSequence(np.frombuffer(digest, "<u4").tolist())
        streams = EpisodeStreams(*np.random.SeedSequence(0).spawn(3))
        with sampling(specification, streams, 1, self._untrained) as sampler:
            self.layout, self.policy = sampler.layout, sampler.policy
        load(self.policy, arrays)
        self._arrays = arrays

    def _untrained(self, layout: Layout) -> Policy:
        generator = np.random.default_rng(0)  # all weights are loaded over
        return make_policy(layout, self._specification.policy, generator)

    def _step_weights(self, how: EstimatorSpecification) -> StepWeights:
        value = None
        if how.value is not None:
            generator = np.random.default_rng(self._streams.spawn(1)[0])
            inputs, normaliser = self.layout.inputs, self.policy.normaliser
            value = LearnedValue(how.value, inputs, normaliser, generator)
        weights = StepWeights(how, value)
        if how.remembers:
            weights.load(self._arrays)
        return weights

    def reference(self) -> Array:
        """Estimates from REFERENCE_N trajectories each, of little variance: [G, P]."""
        batches, weights = self._batches(REFERENCE_N), StepWeights(REFERENCE)
        return np.array([self._gradient(REFERENCE, weights, b) for b in batches])

    def samples(
        self, n: int, estimators: Mapping[str, EstimatorSpecification]
    ) -> Samples:
        """Estimates from fresh batches of N trajectories, the same for each name.

        The estimators have groups of one size, if they have some.
        """
        found: dict[str, list[Array]] = {name: [] for name in estimators}
        every = {name: self._step_weights(how) for name, how in estimators.items()}
        steps = []
        make = same_starts(next(iter(estimators.values())))
        for batch in self._batches(n, make):
            steps.append(len(batch.inputs))
            for name, weights in every.items():
                how = estimators[name]
                if how.remembers:
                    weights.load(self._arrays)
                found[name].append(self._gradient(how, weights, batch))
        return Samples(
            {k: np.array(v) for k, v in found.items()}, sum(steps) / len(steps)
        )

    def from_starts(
        self, size: int, estimators: Mapping[str, EstimatorSpecification]
    ) -> Iterator[dict[str, list[Array]]]:
        """For each of some start states, by estimator, the terms of each step of
        `size` trajectories: [T_i, P] each, which add up to an estimate at N = 1.
        """
        every = {name: self._step_weights(how) for name, how in estimators.items()}
        make = same_starts(EstimatorSpecification(trajectories_per_start=size))
        for batch in self._batches(size, make, self._effort.starts):
            yield {
                name: [self._terms(how, every[name], one) for one in split(batch, 1)]
                for name, how in estimators.items()
            }

    def _terms(
        self, how: EstimatorSpecification, weights: StepWeights, one: Batch
    ) -> Array:
        if how.remembers:
            weights.load(self._arrays)
        each = weights(one)
        terms = []
        for t in range(len(each)):
            row = slice(t, t + 1)
            step = replace(one, inputs=one.inputs[row], actions=one.actions[row])
            terms.append(gradient(self.policy, how, step, each[row]))
        return np.array(terms, np.float64)

    def _gradient(
        self, how: EstimatorSpecification, weights: StepWeights, batch: Batch
    ) -> Array:
        found = gradient(self.policy, how, batch, weights(batch))
        return found.astype(np.float64)

    def _batches(
        self, n: int, make: Make | None = None, most: int | None = None
    ) -> Iterator[Batch]:
        """Batches of N trajectories, until there are `most`, or the effort is spent."""
        most = self._effort.batches if most is None else most
        count = max(n, AT_ONCE // n * n)
        environments, actions = self._streams.spawn(2)
        streams = EpisodeStreams(environments, actions, *actions.spawn(1))
        policy, made, steps = self.policy, 0, 0
        specification = self._specification
        with sampling(specification, streams, count, lambda _: policy, make) as sampler:
            while made < FEWEST or steps < self._effort.env_steps:
                for batch in split(sampler.sample(), n):
                    if made == most:
                        return
                    made, steps = made + 1, steps + len(batch.inputs)
                    yield batch


def split(batch: Batch, n: int) -> Iterator[Batch]:
    """A batch of k N trajectories as k batches of N, which are independent."""
    trajectory = np.nonzero(batch.mask)[1]
    for first in range(0, batch.mask.shape[1], n):
        part = slice(first, first + n)
        rows = (trajectory >= first) & (trajectory < first + n)
        lengths = batch.lengths[part]
        steps = slice(0, lengths.max())
        yield Batch(
            batch.inputs[rows],
            batch.actions[rows],
            batch.rewards[steps, part],
            batch.mask[steps, part],
            lengths,
            batch.terminated[part],
        )
