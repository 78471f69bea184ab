"""Every trajectory of a small problem, as batches of one, with its probability.

Test-side only: it shares nothing with the sampler but the `Batch` record.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch

from pgstudy.learning.environments.corridor import ShortCorridor
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.weights import surrogate
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import EstimatorSpecification


class Trajectory(NamedTuple):
    states: tuple[int, ...]
    actions: tuple[int, ...]
    rewards: tuple[float, ...]
    probability: float


def bandit(rewards=(0.0, 1.0, 2.0), theta=(0.0, 0.0, 0.0)):
    """One step per episode, softmax policy."""
    weights = [math.exp(t) for t in theta]
    chances = [w / math.fsum(weights) for w in weights]
    arms = zip(rewards, chances, strict=True)
    return [Trajectory((0,), (k,), (q,), p) for k, (q, p) in enumerate(arms)]


def corridor(theta, horizon):
    """All action sequences; states hold the true state, which the policy can't see."""
    p_right = 1 / (1 + math.exp(theta[0] - theta[1]))
    found = []
    stack = [((), ())]
    while stack:
        actions, states = stack.pop()
        env = ShortCorridor()
        env.reset()
        ended, state = False, 0
        for action in actions:
            ended = env.step(action)[2]
            state = env.state
        if ended or len(actions) == horizon:
            probability = math.prod(p_right if a else 1 - p_right for a in actions)
            rewards = (-1.0,) * len(actions)
            found.append(Trajectory(states, actions, rewards, probability))
        else:
            stack += [((*actions, a), (*states, state)) for a in (0, 1)]
    return found


def as_batch(trajectories, inputs=1):
    """The record that the sampler would have made; observations are all 0."""
    longest = max(len(t.actions) for t in trajectories)
    mask = np.zeros((longest, len(trajectories)), bool)
    rewards = np.zeros(mask.shape)
    for i, t in enumerate(trajectories):
        mask[: len(t.actions), i] = True
        rewards[: len(t.actions), i] = t.rewards
    actions = [
        t.actions[step]
        for step in range(longest)
        for t in trajectories
        if step < len(t.actions)
    ]
    rows = np.zeros((len(actions), inputs), np.float32)
    rows[:, 0] = 1
    ended = np.ones(mask.shape[1], bool)
    return Batch(rows, np.array(actions), rewards, mask, mask.sum(0), ended)


def estimate(estimator, batch, theta, n, value=None):
    """The gradient of a stateless softmax, with the project's weights: [actions]."""
    return estimate_with(StepWeights(estimator, value)(batch), batch, theta, n)


def estimate_with(weights, batch, theta, n):
    """The same with given weights of the batch's steps."""
    parameters = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    log_probs = torch.log_softmax(parameters, 0)[batch.actions]
    objective = surrogate(log_probs, torch.from_numpy(weights), n)
    (gradient,) = torch.autograd.grad(objective, parameters)
    return gradient.numpy()


def moments(estimator, trajectories, theta, n=1):
    """Mean [actions] and covariance [actions, actions] over all batches of n."""
    mean, square = np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
    for batch in itertools.product(trajectories, repeat=n):
        probability = math.prod(t.probability for t in batch)
        gradient = estimate(estimator, as_batch(batch), theta, n)
        mean += probability * gradient
        square += probability * np.outer(gradient, gradient)
    return mean, square - np.outer(mean, mean)


def two_starts(theta):
    """A start of one step and one of up to two: [(its probability, trajectories)].

    The policy can't tell the states apart; trajectories are probable given the start.
    """
    right = 1 / (1 + math.exp(theta[0] - theta[1]))
    left = 1 - right
    short = [
        Trajectory((0,), (0,), (0.0,), left),
        Trajectory((0,), (1,), (4.0,), right),
    ]
    long = [
        Trajectory((1,), (0,), (1.0,), left),
        Trajectory((1, 2), (1, 0), (0.5, 1.0), right * left),
        Trajectory((1, 2), (1, 1), (0.5, -3.0), right * right),
    ]
    return [(0.3, short), (0.7, long)]


def from_any(starts):
    """The trajectories of all starts, with their probabilities before any is drawn."""
    return [
        t._replace(probability=chance * t.probability)
        for chance, trajectories in starts
        for t in trajectories
    ]


def mean_of_groups(estimator, starts, theta, count):
    """The mean over all batches of `count` groups, each from one start: [actions]."""
    size = estimator.trajectories_per_start
    groups = [
        (chance * math.prod(t.probability for t in group), group)
        for chance, trajectories in starts
        for group in itertools.product(trajectories, repeat=size)
    ]
    mean = np.zeros(len(theta))
    for batch in itertools.product(groups, repeat=count):
        probability = math.prod(chance for chance, _ in batch)
        every = [t for _, group in batch for t in group]
        mean += probability * estimate(estimator, as_batch(every), theta, len(every))
    return mean


def specification(**parts):
    return EstimatorSpecification(**parts)
