"""The policy-gradient estimators, as weights on the trajectories' score functions.

Every estimator here has the form

    grad J(theta) ~ 1/N sum_i ( sum_t grad log pi_theta(a_it | s_it) ) w_i

and differs in the weight w_i only. With w_i = sum_t r(s_it, a_it), `total-return`, it
is the formula that the project exists for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from pgstudy.learning.specification import Baseline

Array = npt.NDArray[np.float64]


def leave_one_out(returns: Array) -> Array:
    """w_i = R_i - mean of the other returns (Kool et al. 2019). returns: [N], N >= 2.

    Unbiased, since the baseline of trajectory i does not depend on its actions.
    Errors: ValueError at N = 1, where nothing is left.
    """
    n = len(returns)
    if n < 2:
        raise ValueError("leave-one-out needs N >= 2; at N = 1 use running-mean")
    weights: Array = (returns - returns.mean()) * (n / (n - 1))
    return weights


@dataclass
class TrajectoryWeights:
    """w_i for the batches of one run, in order; `running-mean` remembers past returns.

    none:           w_i = R_i                                  (the formula as written)
    leave-one-out:  w_i = R_i - mean_{j != i} R_j              (Kool et al. 2019)
    running-mean:   w_i = R_i - mean of all returns of earlier batches (0 before any)
    """

    baseline: Baseline
    _past_sum: float = 0.0
    _past_count: int = 0

    def __call__(self, returns: Array) -> Array:
        """returns: [N], undiscounted -> weights: [N]."""
        if self.baseline == "none":
            return returns
        if self.baseline == "leave-one-out":
            return leave_one_out(returns)
        mean = self._past_sum / self._past_count if self._past_count else 0.0
        self._past_sum += float(returns.sum())
        self._past_count += len(returns)
        return returns - mean


def surrogate(log_probs: torch.Tensor, weights: torch.Tensor, n: int) -> torch.Tensor:
    """1/N sum_i sum_t w_it log pi(a_it | s_it): its gradient is the estimate of grad J.

    log_probs: [M] of the actions taken in all M steps of the N trajectories;
    weights: [M], each step's trajectory weight. Summed over steps, divided by N alone.
    """
    return (weights * log_probs).sum() / n
