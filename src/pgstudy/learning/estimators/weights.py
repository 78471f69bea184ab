"""The policy-gradient estimators, as weights on the steps' score functions.

Every estimator here has the form

    grad J(theta) ~ 1/N sum_i sum_t grad log pi_theta(a_it | s_it) w_it

and differs in the weights w_it only, which are

    w_it = d_t (C_it - b_it) / (s l_i).

Baselines b and deviations s that look at other trajectories look at those of the
trajectory's group (`by_group`), or at all N where there are no groups.

With the credit C_it = sum_t' r_it' and b = 0, d = s = l = 1 it is the formula that the
project exists for, `total-return`. Shapes are [T, N], zero after a trajectory's end,
or [1, N] for a credit that is the same at each step; `mask`: [T, N] is True where a
step was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch  # planning a study, which calls users' own estimators, needs none

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EQUAL = 1e-9  # credits that differ by no more than this share count as equal


def total_return(rewards: Array, gamma: float) -> Array:
    """C_i = sum_t gamma^t r_it, the same at each step (Williams 1992): [1, N]."""
    if gamma != 1:
        rewards = gamma ** np.arange(len(rewards))[:, None] * rewards
    credit: Array = np.add.reduce(rewards, 0, keepdims=True)
    return credit


def reward_to_go(rewards: Array, gamma: float) -> Array:
    """C_it = sum_{t' >= t} gamma^(t' - t) r_it' (Sutton & Barto 2018, p. 328): [T, N].

    Unbiased only with the factor d_t = gamma^t; see `discounts`.
    """
    if gamma == 1:
        return rewards[::-1].cumsum(0)[::-1]
    credit = np.empty_like(rewards)
    later = np.zeros(rewards.shape[1])
    for t in range(len(rewards) - 1, -1, -1):
        later = rewards[t] + gamma * later
        credit[t] = later
    return credit


def discounts(steps: int, gamma: float) -> Array:
    """d_t = gamma^t: [steps, 1] (Sutton & Barto 2018, p. 328, last line of the box).

    Leaving it out with reward-to-go gives the gradient of no function (Thomas 2014);
    it is the option `discounting: biased`.
    """
    factors: Array = gamma ** np.arange(steps)[:, None].astype(float)
    return factors


def by_group(
    of: Callable[[Array, Mask], Array | float], size: int, credit: Array, mask: Mask
) -> Array:
    """A baseline or a deviation of each group of `size` trajectories: [1 or T, N].

    Trajectories of a group lie side by side.
    """
    parts = []
    for first in range(0, credit.shape[1], size):
        group = slice(first, first + size)
        own = credit[:, group]
        parts.append(np.broadcast_arrays(of(own, mask[:, group]), own)[0])
    return np.concatenate(parts, axis=1)


def batch_mean(credit: Array) -> Array:
    """b_t = 1/N sum_j C_jt: [1 or T, 1].

    It contains the trajectory's own actions. The estimate is (N-1)/N of that with
    `leave_one_out`, so biased by this factor, and 0 at N = 1.
    """
    baseline: Array = credit.mean(1, keepdims=True)
    return baseline


def leave_one_out(credit: Array) -> Array:
    """b_it = 1/(N-1) sum_{j != i} C_jt (Kool et al. 2019): [1 or T, N]. Unbiased.

    Trajectories that have ended count with reward-to-go 0.
    Errors: ValueError at N = 1, where nothing is left.
    """
    n = credit.shape[1]
    if n < 2:
        raise ValueError("leave-one-out needs N >= 2; at N = 1 use running-mean")
    mean = credit.mean(1, keepdims=True)
    baseline: Array = mean - (credit - mean) / (n - 1)  # exact for equal credits
    return baseline


def per_step_mean(credit: Array, mask: Mask) -> Array:
    """b_it = mean of C_jt over the other trajectories still going at t: [T, N].

    0 where there is none. Unbiased: it depends on other trajectories only.
    """
    present = np.where(mask, credit, 0.0)
    others = mask.sum(1, keepdims=True) - mask
    baseline: Array = (present.sum(1, keepdims=True) - present) / np.maximum(others, 1)
    return np.where(others > 0, baseline, 0.0)


def deviation(credit: Array, mask: Mask) -> float:
    """s, the population standard deviation of the batch's credits.

    Over the N trajectories for a total return, over all M steps for reward-to-go.
    1 if they are all equal, so that weights stay finite. It contains the trajectory's
    own actions, so the estimate is biased in size and in direction: by 28, 22 and 15
    degrees at N = 2, 4, 6 on a bandit with rewards (0, 1, 5) (see docs/estimators.md).
    """
    values = credit[0] if len(credit) == 1 else credit[mask]
    found = float(values.std())
    return found if found > EQUAL * float(abs(values).max()) else 1.0


def shares(weights: Array, n: int) -> npt.NDArray[np.float32]:
    """1/N w_it, what the score of each step of N trajectories counts for: [M].

    Summed over steps, divided by N alone: a mean over steps would weigh long episodes
    less.
    """
    return (weights / n).astype(np.float32)


def surrogate(log_probs: torch.Tensor, weights: torch.Tensor, n: int) -> torch.Tensor:
    """1/N sum_i sum_t w_it log pi(a_it | s_it): its gradient is the estimate of grad J.

    log_probs, weights: [M], all steps of the N trajectories; see `shares`.
    """
    return (weights / n).dot(log_probs)


def entropy_bonus(entropies: torch.Tensor, coefficient: float, n: int) -> torch.Tensor:
    """coefficient/N sum_i sum_t H(pi(. | s_it)), added to the surrogate.

    entropies: [M]. Uphill is towards more random policies (Williams & Peng 1991). It is
    not the gradient of the entropy of the visited states: the states are taken as they
    were sampled, and how actions lead to states of more entropy is left out.
    """
    return coefficient * entropies.sum() / n
