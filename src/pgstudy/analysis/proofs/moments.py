"""Mean and variance of an estimate, over every batch of N trajectories of a problem."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pgstudy.analysis.proofs.problems import Problem, Trajectory
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.learned_value import LearnedValue
from pgstudy.learning.estimators.own import UnusableWeights
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import EstimatorSpecification

Columns = Callable[[tuple[int, ...]], Array]


class Moments(NamedTuple):
    """mean: [P], of the estimate of grad J; variance: its trace, over the batches."""

    mean: Array
    variance: float


def moments(how: EstimatorSpecification, problem: Problem, n: int) -> Moments:
    """Of an estimator at N, by adding up all batches with their probabilities.

    One that remembers has seen one batch before, the same for all.
    Errors: UnusableWeights, or what a user's estimator raises; ValueError at an N where
    it can't exist.
    """
    every = problem.trajectories
    batches = np.array(list(itertools.product(range(len(every)), repeat=n)))
    chances = np.array([t.probability for t in every])[batches].prod(1)
    kinds, first = _kinds(how, every)
    distinct, which = np.unique(kinds[batches], axis=0, return_inverse=True)
    weigh = _weigher(how, problem, n)
    weights = np.array([weigh(tuple(first[kind] for kind in row)) for row in distinct])
    estimates = np.zeros((len(batches), problem.theta.size))
    for i in range(n):
        own = weights[which.ravel(), :, i]
        estimates += np.einsum("bt,btp->bp", own, problem.scores[batches[:, i]])
    estimates /= n
    mean = chances @ estimates
    return Moments(mean, float(chances @ ((estimates - mean) ** 2).sum(1)))


def _kinds(
    how: EstimatorSpecification, every: Sequence[Trajectory]
) -> tuple[Array, list[int]]:
    """Trajectories that all weights are the same for, which saves most of the work.

    The kind of each, and the first of each kind. Only a learned baseline sees states.
    """
    seen = [(t.rewards, t.shown if how.value else ()) for t in every]
    first = {key: seen.index(key) for key in seen}
    kinds = {key: number for number, key in enumerate(first)}
    return np.array([kinds[key] for key in seen]), list(first.values())


def _weigher(how: EstimatorSpecification, problem: Problem, n: int) -> Columns:
    """A function from the numbers of N trajectories to their weights: [T, N]."""
    value, shown = None, len(problem.theta)
    if how.value is not None:
        generator = np.random.default_rng(0)
        value = LearnedValue(how.value, shown, None, generator)
    weights = StepWeights(how, value)
    if how.remembers:
        generator = np.random.default_rng(n)
        chances = [t.probability for t in problem.trajectories]
        earlier = generator.choice(len(chances), n, p=np.array(chances) / sum(chances))
        weights(_batch(problem, earlier.tolist()))
    state = copy.deepcopy(weights.state())

    def weigh(numbers: tuple[int, ...]) -> Array:
        batch = _batch(problem, numbers)
        if how.remembers:
            weights.restore(copy.deepcopy(state))
        found = np.zeros((problem.horizon, n))
        found[: len(batch.mask)][batch.mask] = weights(batch)
        if not np.isfinite(found).all():
            raise UnusableWeights("it gives weights that are not finite numbers")
        return found

    return weigh


def _batch(problem: Problem, numbers: Sequence[int]) -> Batch:
    """The record that the sampler would have made of these trajectories."""
    chosen = [problem.trajectories[number] for number in numbers]
    lengths = np.array([len(t.actions) for t in chosen])
    mask = np.arange(lengths.max())[:, None] < lengths
    rewards = np.zeros(mask.shape)
    shown, actions = np.zeros(mask.shape, int), np.zeros(mask.shape, int)
    for i, trajectory in enumerate(chosen):
        steps = slice(0, lengths[i])
        rewards[steps, i] = trajectory.rewards
        shown[steps, i] = trajectory.shown
        actions[steps, i] = trajectory.actions
    inputs = np.eye(len(problem.theta), dtype=np.float32)[shown[mask]]
    ended = np.ones(len(chosen), bool)
    return Batch(inputs, actions[mask], rewards, mask, lengths, ended)
