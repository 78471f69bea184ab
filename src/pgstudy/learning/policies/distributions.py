"""Policies pi_theta(a | s): a softmax over actions, or a diagonal Gaussian.

`actor` is for the rollout, `score` for the gradient, both in numpy; `log_probs` and
`entropy` say in torch what `score` is the derivative of. All read the same parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch

from pgstudy.learning.environments.spaces import Actions, Floats, Rows
from pgstudy.learning.policies.networks import Network
from pgstudy.learning.policies.normaliser import Normaliser
from pgstudy.learning.policies.own_network import OwnNetwork
from pgstudy.learning.policies.parameters import Parameters


class PolicyOverflow(ArithmeticError):
    """The policy's outputs are not finite numbers."""


AnyNetwork = Network | OwnNetwork
Arrays = Mapping[str, Floats]
Actor = Callable[[Rows, Floats], Actions]
"""Of inputs [K, inputs] and noise [K, noise_width]; see `Policy.actor`."""


class Policy(Protocol):
    """What training needs of a policy."""

    parameters: Parameters
    network: AnyNetwork
    normaliser: Normaliser | None
    noise_width: int

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Noise that `act` turns into actions: [count, noise_width]."""

    def actor(self, rows: int) -> Actor:
        """A function that draws actions from pi(. | s), for K = `rows` at a time.

        It raises PolicyOverflow where an action is no finite number.
        """

    def chosen(self, outputs: Floats, noise: Floats, arrays: Arrays) -> Actions:
        """The actions that the noise makes of outputs [..., K, outputs].

        `arrays` are the parameters by name; outputs are overwritten.
        """

    def score(
        self, outputs: Floats, actions: Actions, shares: Floats, bonus: float
    ) -> tuple[Floats, float]:
        """d/d outputs of sum_m shares_m log pi(a_m | s_m) + bonus sum_m H_m: [M, ...].

        What parameters beside the network have for a gradient is written to it. Also
        sum_m H_m, the entropies in nats.
        """

    def log_probs(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """log pi(a | s) from the network's outputs [M, ...], differentiable: [M]."""

    def entropy(self, outputs: torch.Tensor) -> torch.Tensor:
        """H(pi(. | s)) in nats, differentiable: [M]."""


class Categorical:
    """pi(a | s) = softmax(network(s))_a. Actions: [K], from 0."""

    def __init__(
        self,
        parameters: Parameters,
        network: AnyNetwork,
        normaliser: Normaliser | None,
        actions: int,
    ) -> None:
        self.parameters = parameters
        self.network = network
        self.normaliser = normaliser
        self.noise_width = actions
        self._every = np.arange(actions)[:, None]

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Standard Gumbel noise: argmax(logits + noise) is a draw from the softmax."""
        shape = (count, self.noise_width)
        noise = generator.standard_exponential(shape, dtype=np.float32)
        with np.errstate(divide="ignore"):  # log 0 -> noise +inf: that action wins
            np.log(noise, noise)
        return np.negative(noise, noise)

    def actor(self, rows: int) -> Actor:
        """See `Policy.actor`."""
        forward, arrays = self.network.in_place(rows), self.parameters.arrays
        return lambda inputs, noise: self.chosen(forward(inputs), noise, arrays)

    def chosen(self, outputs: Floats, noise: Floats, arrays: Arrays) -> Actions:
        """See `Policy.chosen`."""
        actions: Actions = np.add(outputs, noise, outputs).argmax(-1)
        return actions

    def score(
        self, outputs: Floats, actions: Actions, shares: Floats, bonus: float
    ) -> tuple[Floats, float]:
        """See `Policy.score`: shares (1[a] - pi), and pi (-log pi - H) of the bonus."""
        logits = outputs.T.copy()  # [actions, M]: numpy adds up rows ten times as fast
        logits -= np.maximum.reduce(logits)
        probabilities = np.exp(logits)
        totals = np.add.reduce(probabilities)
        probabilities /= totals
        logits -= np.log(totals)  # log pi
        slopes = (self._every == actions) - probabilities
        slopes *= shares
        surprises = probabilities * logits
        if bonus:
            entropies = -np.add.reduce(surprises)
            slopes -= np.float32(bonus) * (surprises + probabilities * entropies)
        return slopes.T, -float(np.add.reduce(surprises, axis=None))

    def log_probs(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """See `Policy.log_probs`."""
        return -torch.nn.functional.cross_entropy(outputs, actions, reduction="none")

    def entropy(self, outputs: torch.Tensor) -> torch.Tensor:
        """See `Policy.entropy`."""
        log_probs = torch.log_softmax(outputs, dim=1)
        return -(log_probs.exp() * log_probs).sum(1)


class DiagonalGaussian:
    """pi(a | s) = N(a; network(s), diag(exp(log_std))^2). Actions: [K, k].

    The actions are the draws themselves; clipping them to the environment's bounds is
    the environment's side, so their log-probability is that of the draw.
    """

    def __init__(
        self,
        parameters: Parameters,
        network: AnyNetwork,
        normaliser: Normaliser | None,
    ) -> None:
        self.parameters = parameters
        self.network = network
        self.normaliser = normaliser
        self._log_std = parameters.tensors["log_std"]
        self._log_std_array = parameters.arrays["log_std"]
        self._log_std_gradient = parameters.gradients["log_std"]
        self.noise_width = self._log_std_array.shape[1]

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Standard normal noise."""
        return generator.standard_normal((count, self.noise_width), dtype=np.float32)

    def actor(self, rows: int) -> Actor:
        """See `Policy.actor`."""
        forward = self.network.in_place(rows)

        def act(inputs: Rows, noise: Floats) -> Actions:
            actions = self.chosen(forward(inputs), noise, self.parameters.arrays)
            if not np.isfinite(actions).all():  # no environment could take them
                raise PolicyOverflow
            return actions

        return act

    def chosen(self, outputs: Floats, noise: Floats, arrays: Arrays) -> Actions:
        """See `Policy.chosen`."""
        return outputs + np.exp(arrays["log_std"]) * noise

    def score(
        self, outputs: Floats, actions: Actions, shares: Floats, bonus: float
    ) -> tuple[Floats, float]:
        """See `Policy.score`: with z = (a - mean) / std, shares z / std for the mean,
        and shares (z^2 - 1) + bonus for log std.
        """
        precision, column = np.exp(-self._log_std_array), shares[:, None]
        standardised = (actions - outputs) * precision
        slopes: Floats = column * standardised * precision
        spread = column * (standardised * standardised - 1)
        self._log_std_gradient[:] = np.add.reduce(spread) + bonus * len(outputs)
        one = self._log_std_array + 0.5 * math.log(2 * math.pi * math.e)
        return slopes, float(one.sum()) * len(outputs)

    def log_probs(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Summed over the dimensions of the action; see `Policy.log_probs`."""
        standardised = (actions - outputs) * torch.exp(-self._log_std)
        densities = -0.5 * (standardised.square() + math.log(2 * math.pi))
        return (densities - self._log_std).sum(1)

    def entropy(self, outputs: torch.Tensor) -> torch.Tensor:
        """See `Policy.entropy`; it does not depend on the state."""
        one = (self._log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()
        return one.expand(len(outputs))
