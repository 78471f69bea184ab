"""What ends a run before its budget is spent, and the reasons that are given."""

from __future__ import annotations

import numpy as np

from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.policies.distributions import Policy, PolicyOverflow
from pgstudy.learning.results import Status
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.rollouts.sampler import Sampler
from pgstudy.learning.rollouts.side_by_side import Player
from pgstudy.learning.specification import EstimatorSpecification

LARGEST = float(np.finfo(np.float32).max)
HUGE = 1e4  # no sensible learning rate makes logits like that

OVERFLOW = "the policy's outputs are not finite numbers"
SATURATED = "outputs beyond 10,000 give every action probability 1, the gradient is 0"


class Stopped(Exception):
    """The run ends before its budget is spent; the message says why."""

    status: Status


class Divergence(Stopped):
    """An update that can't be used."""

    status = "diverged"


class Stuck(Stopped):
    """An episode was truncated, and the specification says to stop then."""

    status = "stuck"


def sample(sampler: Sampler | Player) -> Batch:
    """A batch of trajectories. Errors: Divergence if the policy can't give actions."""
    try:
        return sampler.sample()
    except PolicyOverflow as overflow:
        return sampled(overflow)


def sampled(outcome: Batch | PolicyOverflow) -> Batch:
    """The batch. Errors: Divergence if the policy could not give actions."""
    if isinstance(outcome, PolicyOverflow):
        raise Divergence(OVERFLOW) from None
    return outcome


def check_ends(batch: Batch) -> None:
    """Errors: Stuck if an episode was truncated."""
    if not batch.terminated.all():
        longest = batch.lengths[~batch.terminated].max()
        raise Stuck(f"an episode was cut after {longest:,} steps")


def check_gradient(
    norm: float,
    policy: Policy,
    how: EstimatorSpecification,
    batch: Batch,
    weights: Array,
) -> None:
    """Errors: Divergence if an estimate of this norm can't be used.

    It is not finite, or it is 0 because the policy is so certain that no score
    function is left.
    """
    if not np.isfinite(norm):
        check_outputs(policy, batch)
        why = "the gradient is not a finite number"
        if how.value is not None:
            largest = f"{abs(weights).max():.0e}"
            why += f"; with the learned baseline, weights reach {largest}"
        raise Divergence(why)
    if norm == 0 and weights.any() and _outputs_beyond(HUGE, policy, batch):
        raise Divergence(SATURATED)


def check_parameters(policy: Policy) -> None:
    """Errors: Divergence if a step has left parameters that are not finite."""
    if not np.isfinite(policy.parameters.flat).all():
        raise Divergence("the weights are not finite numbers")


def check_outputs(policy: Policy, batch: Batch) -> None:
    """Errors: Divergence if the policy's outputs in a batch are not finite."""
    if _outputs_beyond(LARGEST, policy, batch):
        raise Divergence(OVERFLOW)


def _outputs_beyond(limit: float, policy: Policy, batch: Batch) -> bool:
    outputs = policy.network.numpy_outputs(batch.inputs)
    return not bool((abs(outputs) <= limit).all())
