"""One batch and its weights -> the estimate of grad J."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import threadpoolctl
import torch

from pgstudy.learning.environments.spaces import Floats
from pgstudy.learning.estimators.weights import (
    Array,
    entropy_bonus,
    shares,
    surrogate,
)
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.networks import chunks
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import EstimatorSpecification

THREADS = 1  # more would change the bits, and eight jobs at once would crawl


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Numbers as in training: every library on THREADS threads."""
    torch.set_num_threads(THREADS)
    with threadpoolctl.threadpool_limits(THREADS):
        yield


def gradient(
    policy: Policy, how: EstimatorSpecification, batch: Batch, weights: Array
) -> Floats:
    """The estimate of grad J from one batch and its weights [M]: [P]."""
    return gradient_and_entropy(policy, how, batch, weights)[0]


def gradient_and_entropy(
    policy: Policy, how: EstimatorSpecification, batch: Batch, weights: Array
) -> tuple[Floats, float]:
    """The same, and the mean entropy of the policy over the batch's states, in nats.

    In closed form, without autograd: the policy's score, and back through its network.
    """
    parameters, n = policy.parameters, len(batch.lengths)
    found, entropies = np.zeros_like(parameters.gradient), 0.0
    for rows in chunks(len(weights)):
        outputs, given = policy.network.forward(batch.inputs[rows])
        part, actions = shares(weights[rows], n), batch.actions[rows]
        slopes, entropy = policy.score(outputs, actions, part, how.entropy / n)
        policy.network.backward(given, slopes)
        found += parameters.gradient
        entropies += entropy
    return found, entropies / len(weights)


def gradient_by_autograd(
    policy: Policy, how: EstimatorSpecification, batch: Batch, weights: Array
) -> Floats:
    """The estimate as it is defined, by differentiating `surrogate`: [P].

    `gradient` is held to it.
    """
    return policy.parameters.autograd(_objectives(policy, how, batch, weights))


def _objectives(
    policy: Policy, how: EstimatorSpecification, batch: Batch, weights: Array
) -> Iterator[torch.Tensor]:
    """The surrogate, in chunks that add up to it."""
    n = len(batch.lengths)
    for rows in chunks(len(weights)):
        outputs = policy.network.torch_outputs(torch.from_numpy(batch.inputs[rows]))
        log_probs = policy.log_probs(outputs, torch.from_numpy(batch.actions[rows]))
        part = torch.from_numpy(weights[rows].astype(np.float32))
        objective = surrogate(log_probs, part, n)
        if how.entropy:
            entropies = policy.entropy(outputs)
            objective = objective + entropy_bonus(entropies, how.entropy, n)
        yield objective
