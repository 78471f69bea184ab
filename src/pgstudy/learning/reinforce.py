"""REINFORCE (Williams 1992): sample N trajectories, estimate grad J, step uphill."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from pgstudy.learning.checkpoint import Snapshot, restore
from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.environments.parallel import Lanes, make_lanes
from pgstudy.learning.estimators.baselines import LearnedValue, StepWeights
from pgstudy.learning.estimators.gradients import (
    gradient,
    gradient_and_entropy,
    one_thread,
)
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.optimizers import make_optimizer
from pgstudy.learning.policies.distributions import PolicyOverflow, make_policy, saved
from pgstudy.learning.results import Column, History, Status, Training
from pgstudy.learning.rollout import Batch, Sampler
from pgstudy.learning.specification import RunSpecification
from pgstudy.learning.streams import Streams

LARGEST = float(np.finfo(np.float32).max)
HUGE = 1e4  # no sensible step size makes logits like that

MIDDLE = 0.5  # of the budget: the policy is kept at the start and then

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


def train(
    specification: RunSpecification,
    seed: int,
    saved: Snapshot | None = None,
    after_update: Callable[[Trainer], None] | None = None,
) -> Training:
    """Train one policy; the bits depend on the first two arguments alone.

    `saved` is a snapshot of the same training to go on from; `after_update` is called
    after each update, and may take one (see `checkpoint`). A run whose numbers get out
    of hand is returned with the status `diverged`, see also `stop_when_truncated`.
    Errors: UnusableEnvironment, EnvironmentFault.
    """
    with one_thread(), warnings.catch_warnings():
        # they end the run by name; np.errstate would cost 2 us a step
        warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
        with seeded(Streams(specification, seed).global_generators) as drawn_from:
            trainer = Trainer(specification, seed)
            if saved is not None:
                restore(trainer, saved)
            training = trainer.run(after_update)
            return replace(training, global_generators=drawn_from())


class Trainer:
    """One run: its policy, its lanes and its history."""

    def __init__(self, specification: RunSpecification, seed: int) -> None:
        self.specification = specification
        self.streams = Streams(specification, seed)
        lanes = self._lanes(self.streams.environments, specification.n)
        weights = np.random.default_rng(self.streams.weights)
        self.policy = make_policy(lanes.layout, specification.policy, weights)
        self.sampler = self._sampler(lanes, self.streams.actions)
        flat = torch.from_numpy(self.policy.parameters.flat)
        self.optimizer = make_optimizer(specification.optimizer, flat)
        self.weights = StepWeights(specification.estimator, self._value(lanes))
        self.spent = {"env_steps": 0, "updates": 0, "episodes": 0}
        self.history = History(specification.n)
        self.evaluation: dict[Literal["untrained", "final"], Column]
        self.evaluation = {"untrained": np.empty(0), "final": np.empty(0)}
        self.milestones: dict[str, Column] = {}
        self.warnings: tuple[str, ...] = ()

    def run(self, after_update: Callable[[Trainer], None] | None = None) -> Training:
        """Train until the budget is spent or the run is stopped."""
        stopped: Stopped | None = None
        try:
            if self.spent["updates"] == 0:
                self._keep("start")
                self.evaluation["untrained"] = self._evaluate(self.streams.untrained)
            while (before := self._progress()) < 1:
                self.update()
                if before < MIDDLE <= self._progress():
                    self._keep("middle")
                if after_update is not None:
                    after_update(self)
            self.evaluation["final"] = self._evaluate(self.streams.final)
        except Stopped as error:
            stopped = error
        finally:
            self.sampler.close()
        return Training(
            status=stopped.status if stopped else "finished",
            updates=self.history.updates(),
            episodes=self.history.episodes(),
            policy=saved(self.policy),
            milestones=self.milestones | self._baseline("end"),
            evaluation=self.evaluation,
            stopped_at=max(1, self.spent["updates"]) if stopped else None,
            reason=str(stopped) if stopped else None,
            warnings=self.warnings,
        )

    def _keep(self, milestone: str) -> None:
        for name, value in saved(self.policy).items():
            self.milestones[f"{milestone}/{name}"] = value.numpy()
        self.milestones |= self._baseline(milestone)

    def _baseline(self, milestone: str) -> dict[str, Column]:
        kept = self.weights.saved()
        return {f"{milestone}/{name}": value for name, value in kept.items()}

    def _progress(self) -> float:
        budget = self.specification.budget
        return self.spent[budget.unit] / budget.amount

    def update(self) -> None:
        """Sample N trajectories and take one step. Errors: Stopped."""
        alpha = self.specification.optimizer.learning_rate
        if self.specification.optimizer.schedule == "linear":
            alpha *= 1 - self._progress()
        batch = _sample(self.sampler)
        if self.spent["updates"] == 0:
            self.warnings = self.sampler.coarse
        if self.specification.stop_when_truncated and not batch.terminated.all():
            self._record(batch, alpha, norm=np.nan, entropy=np.nan)
            longest = batch.lengths[~batch.terminated].max()
            raise Stuck(f"an episode was cut after {longest:,} steps")
        weights = self.weights(batch)
        how = self.specification.estimator
        estimate, entropy = gradient_and_entropy(self.policy, how, batch, weights)
        norm = float(estimate.norm())
        self._record(batch, alpha, norm, entropy)
        if not np.isfinite(norm):
            raise Divergence(self._why_not_finite(batch, weights))
        if norm == 0 and weights.any() and self._outputs_beyond(HUGE, batch):
            raise Divergence(SATURATED)
        self.optimizer.step(estimate, alpha)
        if not np.isfinite(self.policy.parameters.flat).all():
            raise Divergence("the weights are not finite numbers")
        if self.policy.normaliser is not None:
            self.policy.normaliser.update(batch.inputs)

    def gradient(self, batch: Batch, weights: Array) -> torch.Tensor:
        """The estimate of grad J from one batch and its weights [M]: [P]."""
        return gradient(self.policy, self.specification.estimator, batch, weights)

    def _why_not_finite(self, batch: Batch, weights: Array) -> str:
        if self._outputs_beyond(LARGEST, batch):
            return OVERFLOW
        why = "the gradient is not a finite number"
        if self.specification.estimator.value is not None:
            why += (
                f"; with the learned baseline, weights reach {abs(weights).max():.0e}"
            )
        return why

    def _outputs_beyond(self, limit: float, batch: Batch) -> bool:
        outputs = self.policy.network.numpy_outputs(batch.inputs)
        return not bool((abs(outputs) <= limit).all())

    def _record(self, batch: Batch, alpha: float, norm: float, entropy: float) -> None:
        self.spent["env_steps"] += len(batch.inputs)
        self.spent["episodes"] += self.specification.n
        self.spent["updates"] += 1
        self.history.learning_rates.append(alpha)
        self.history.gradient_norms.append(norm)
        self.history.entropies.append(entropy)
        self.history.returns.append(batch.returns)
        self.history.lengths.append(batch.lengths)
        self.history.terminated.append(batch.terminated)

    def _evaluate(self, stream: np.random.SeedSequence) -> Column:
        """Returns of fresh episodes with the policy as it is: [E]."""
        count = self.specification.evaluation_episodes
        if count == 0:
            return np.empty(0)
        environments, actions, global_generators = stream.spawn(3)
        with seeded(global_generators):
            sampler = self._sampler(self._lanes(environments, count), actions)
            try:
                batch = _sample(sampler)
            finally:
                sampler.close()
        if self._outputs_beyond(LARGEST, batch):
            raise Divergence(OVERFLOW)
        return batch.returns

    def _lanes(self, stream: np.random.SeedSequence, count: int) -> Lanes:
        seeds = stream.generate_state(count, np.uint64) >> np.uint64(1)
        return make_lanes(self.specification.environment, seeds.tolist())

    def _sampler(self, lanes: Lanes, stream: np.random.SeedSequence) -> Sampler:
        generator = np.random.default_rng(stream)
        cap = self.specification.environment.max_episode_steps
        return Sampler(lanes, self.policy, generator, cap)

    def _value(self, lanes: Lanes) -> LearnedValue | None:
        value = self.specification.estimator.value
        if value is None:
            return None
        generator = np.random.default_rng(self.streams.value)
        normaliser = self.policy.normaliser
        return LearnedValue(value, lanes.layout.inputs, normaliser, generator)


def _sample(sampler: Sampler) -> Batch:
    try:
        return sampler.sample()
    except PolicyOverflow:
        raise Divergence(OVERFLOW) from None
