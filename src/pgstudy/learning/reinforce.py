"""REINFORCE (Williams 1992): sample N trajectories, estimate grad J, step uphill."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from pgstudy.learning import divergence, evaluation
from pgstudy.learning.courses import Course, Outcome, batches, drive
from pgstudy.learning.divergence import Stopped
from pgstudy.learning.environments import global_generators
from pgstudy.learning.estimators.adaptive import NextBatch
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.estimators.gradients import gradient_and_entropy
from pgstudy.learning.estimators.learned_value import LearnedValue
from pgstudy.learning.optimizers import make_optimizer, scheduled
from pgstudy.learning.policies.distributions import PolicyOverflow
from pgstudy.learning.policies.making import saved
from pgstudy.learning.results import Evaluation, History, Status, Training
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.rollouts.sampler import Sampler
from pgstudy.learning.rollouts.sampling import training_samplers
from pgstudy.learning.rollouts.side_by_side import Player
from pgstudy.learning.rollouts.streams import EpisodeStreams, Streams
from pgstudy.learning.specification import RunSpecification

Snapshot = dict[str, Any]

MIDDLE = 0.5  # of the budget or of the way to the target: the policy is kept then


class Trainer:
    """One run: its policy, its parallel environments and its history."""

    def __init__(
        self,
        specification: RunSpecification,
        seed: int,
        sampler: Sampler | Player | None = None,
    ) -> None:
        self.specification = specification
        self.streams = Streams(specification, seed)
        self.sampler = sampler or training_samplers(specification, [seed])[0]
        self.policy = self.sampler.policy
        self.tests = evaluation.Tests(specification, self.policy, self.streams)
        flat = self.policy.parameters.flat
        self.optimizer = make_optimizer(specification.optimizer, flat)
        self.weights = StepWeights(specification.estimator, self._value())
        self.next_batch = NextBatch(specification)
        self.history = History(specification.n)
        self.spent = self.history.spent

    def _value(self) -> LearnedValue | None:
        value = self.specification.estimator.value
        if value is None:
            return None
        inputs = self.sampler.layout.inputs
        generator = np.random.default_rng(self.streams.value)
        return LearnedValue(value, inputs, self.policy.normaliser, generator)

    def learn(self, batch: Batch) -> None:
        """Take one step from N trajectories. Errors: Stopped.

        grad J ~ 1/N sum_i (sum_t grad log pi(a_it | s_it)) (sum_t r_it)
        theta <- theta + alpha grad J
        """
        policy, how = self.policy, self.specification.estimator
        learning_rate = scheduled(self.specification.optimizer, self._progress())
        self._record(batch, learning_rate)
        # weigh each step by its trajectory's sum_t r_it, or as the estimator says
        weights = self.weights(batch)
        # estimate grad J
        gradient, entropy = gradient_and_entropy(policy, how, batch, weights)
        exact = gradient.astype(np.float64)
        norm = math.sqrt(exact.dot(exact))
        self.history.estimated(norm, entropy)
        divergence.check_gradient(norm, policy, how, batch, weights)
        self.history.scaled(self.next_batch.follow(policy, batch, weights))
        # step uphill
        self.optimizer.step(gradient, learning_rate)
        divergence.check_parameters(policy)
        if policy.normaliser is not None:
            policy.normaliser.update(batch.inputs)

    def _progress(self) -> float:
        budget = self.specification.budget
        return self.spent[budget.unit] / budget.amount

    def _record(self, batch: Batch, learning_rate: float) -> None:
        """Count the batch towards the budget. Errors: Stuck."""
        if self.spent["updates"] == 0:
            self.history.warnings = self.sampler.coarse
        self.history.sampled(batch, learning_rate)
        if self.specification.stop_when_truncated:
            divergence.check_ends(batch)

    def run(self, after_update: Callable[[Trainer], None] | None = None) -> Training:
        """Train until the budget is spent or the run is stopped."""
        ((_, training),) = drive([self.course(after_update)], self._play)
        return training

    def _play(self, _: Sequence[int]) -> list[tuple[int, Outcome]]:
        try:
            return [(0, self.sampler.sample())]
        except PolicyOverflow as overflow:
            return [(0, overflow)]

    def course(self, after_update: Callable[[Trainer], None] | None = None) -> Course:
        """The same for somebody else to sample; see `drive`."""
        status: Status = "finished"
        reason = None
        try:
            yield from self._train(after_update)
        except Stopped as stopped:
            status, reason = stopped.status, str(stopped)
        finally:
            self.sampler.close()
            self.tests.close()
        self.history.keep("end", self.weights.saved())
        return self.history.training(saved(self.policy), status, reason)

    def _train(
        self, after_update: Callable[[Trainer], None] | None
    ) -> Generator[None, Outcome, None]:
        """Update until the budget is spent. Errors: Stopped."""
        if self.spent["updates"] == 0:
            self._keep("start")
            self._evaluate("untrained", self.streams.untrained)
        while (before := self._progress()) < 1:
            self.learn((yield from batches(self.next_batch.count)))
            if before < MIDDLE <= self._progress():
                self._keep("middle")
            if self._reached():  # no checkpoint: it would train on from there
                break
            if after_update is not None:
                after_update(self)
        self._evaluate("final", self.streams.final)
        self._keep("middle")

    def _evaluate(self, name: Evaluation, streams: EpisodeStreams) -> None:
        found = evaluation.returns(self.specification, self.policy, streams)
        self.history.evaluation[name] = found

    def _reached(self) -> bool:
        """Whether its target is reached; half way is its middle. Errors: Stopped."""
        mean = self.tests.mean(self.spent["updates"])
        if mean is None:
            return False
        self.history.tested(mean)
        way = self.tests.way(self.history.evaluation["untrained"], mean)
        if way >= MIDDLE:
            self._keep("middle")
        return way >= 1

    def _keep(self, milestone: str) -> None:
        """Keep the policy and its baseline, if that milestone is not kept yet."""
        if self.history.keeps(milestone):
            return
        policy = {name: value.numpy() for name, value in saved(self.policy).items()}
        self.history.keep(milestone, policy | self.weights.saved())

    def state(self) -> Snapshot | None:
        """All that updates have changed, as plain Python and numpy data; a copy.

        What it does not hold is made anew from the specification and the seed. None
        where the environments' state can't be had: they are between two episodes, so
        it is that of their generators and of the global ones, which is true of
        Gymnasium's own environments and of the corridor, and unknown of any other.
        """
        parts = {name: part.state() for name, part in self._parts().items()}
        if parts["sampler"] is None:
            return None
        drawn = global_generators.states()
        return copy.deepcopy({"global_generators": drawn, **parts})

    def restore(self, saved: Snapshot) -> None:
        """The inverse of `state`, for a new trainer of the same run."""
        for name, part in self._parts().items():
            part.restore(saved[name])
        global_generators.set_states(saved["global_generators"])

    def _parts(self) -> dict[str, Any]:
        """What has a state of its own."""
        parts: dict[str, Any] = {
            "sampler": self.sampler,
            "parameters": self.policy.parameters,
            "optimizer": self.optimizer,
            "weights": self.weights,
            "next_batch": self.next_batch,
            "history": self.history,
        }
        if self.policy.normaliser is not None:
            parts["normaliser"] = self.policy.normaliser
        return parts
