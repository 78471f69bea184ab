"""The numbers of some updates of a run, which is trained again up to them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pgstudy.analysis.gradients import exact
from pgstudy.learning.divergence import Stopped
from pgstudy.learning.environments.actions import Finite
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.batch import Batch
from pgstudy.learning.specification import RunSpecification
from pgstudy.learning.training import surroundings

MOST_PARAMETERS, MOST_TRAJECTORIES = 12, 16


class CantBeShown(ValueError):
    """A run whose updates no page can show; the message says why."""


@dataclass(frozen=True)
class Policy:
    """theta: [P]; chances: pi(a | s), [states, actions]; J, if that is known."""

    theta: Array
    chances: Array
    expected: float | None


@dataclass(frozen=True)
class Played:
    """One trajectory: state, action, reward and weight w_t of each step; and

    score: sum_t grad log pi(a_t | s_t); term: sum_t w_t grad log pi(a_t | s_t): [P].
    """

    states: list[int]
    actions: list[int]
    rewards: list[float]
    weights: list[float]
    score: Array
    term: Array


@dataclass(frozen=True)
class Update:
    """Update `number` of a run, from 1, with all that it did.

    scores: grad log pi(a | s) before it, [states, actions, P]. estimate: the mean of
    the trajectories' terms. exact: grad J, if the environment hands out its model.
    """

    number: int
    learning_rate: float
    before: Policy
    scores: Array
    played: list[Played]
    estimate: Array
    exact: Array | None
    after: Policy


class _Enough(Stopped):
    """All that was wanted has been seen."""

    status = "finished"


class _Recorder(Trainer):
    """A trainer that keeps what it does in some of its updates."""

    def __init__(
        self, specification: RunSpecification, seed: int, wanted: Sequence[int]
    ) -> None:
        super().__init__(specification, seed)
        self.wanted, self.kept = wanted, list[Update]()

    def learn(self, batch: Batch) -> None:
        """See `Trainer.learn`. Errors: Stopped, also after the last one wanted."""
        number = self.spent["updates"] + 1
        if number not in self.wanted:
            super().learn(batch)
            return
        before, scores, known = self._now(), self._scores(), self._exact()
        weights = copy.deepcopy(self.weights)(batch)
        super().learn(batch)
        played = _played(batch, weights, scores)
        estimate = np.mean([one.term for one in played], axis=0)
        rate = self.history.learning_rates[-1]
        self.kept.append(
            Update(number, rate, before, scores, played, estimate, known, self._now())
        )
        if number >= max(self.wanted):
            raise _Enough

    def _inputs(self) -> Array:
        """Every state as the policy is shown it: [states, inputs]."""
        return np.eye(self.sampler.layout.inputs, dtype=np.float32)

    def _now(self) -> Policy:
        policy, where = self.policy, self.specification.environment
        logits = torch.from_numpy(policy.network.numpy_outputs(self._inputs()))
        chances: Array = logits.double().softmax(1).numpy()
        expected = None
        if self._exact() is not None:
            known = exact.model(where.id, where.kwargs)
            shown = np.arange(len(known.start)) % len(chances)
            expected = exact.expected_return(known, chances[shown])
        return Policy(policy.parameters.flat.astype(float), chances, expected)

    def _exact(self) -> Array | None:
        layout, where = self.sampler.layout, self.specification.environment
        found = exact.policy_gradient(self.policy, layout, where)
        return None if found is None else found.copy()

    def _scores(self) -> Array:
        inputs, policy = self._inputs(), self.policy
        actions = policy.noise_width
        every = np.zeros((len(inputs), actions, len(policy.parameters.flat)))
        for state, row in enumerate(torch.from_numpy(inputs)):
            for action in range(actions):
                outputs = policy.network.torch_outputs(row[None])
                log_prob = policy.log_probs(outputs, torch.tensor([action]))
                every[state, action] = policy.parameters.autograd([log_prob.sum()])
        return every


def _played(batch: Batch, weights: Array, scores: Array) -> list[Played]:
    every = np.nonzero(batch.mask)[1]
    found = []
    for i in range(len(batch.lengths)):
        rows = every == i
        states, actions = batch.inputs[rows].argmax(1), batch.actions[rows]
        mine, each = weights[rows], scores[states, actions]
        rewards = batch.rewards[: batch.lengths[i], i]
        found.append(
            Played(
                states.tolist(),
                actions.tolist(),
                rewards.tolist(),
                mine.tolist(),
                score=each.sum(0),
                term=mine @ each,
            )
        )
    return found


def capture(
    specification: RunSpecification, seed: int, wanted: Sequence[int]
) -> list[Update]:
    """Some updates of a run, by their numbers. Errors: CantBeShown."""
    with surroundings(specification, seed):
        try:
            recorder = _Recorder(specification, seed, wanted)
        except UnusableEnvironment as error:
            name = specification.environment.id
            raise CantBeShown(f"{name} can't be used here: {error}") from None
        _require_small(recorder)
        recorder.run()
    return recorder.kept


def _require_small(trainer: Trainer) -> None:
    layout, how = trainer.sampler.layout, trainer.specification.estimator
    count = len(trainer.policy.parameters.flat)
    if not isinstance(layout.actions, Finite) or not layout.one_hot:
        raise CantBeShown("a page shows discrete states and actions only")
    if count > MOST_PARAMETERS:
        cause = f"a page shows at most {MOST_PARAMETERS} parameters"
        raise CantBeShown(f"{cause}, and its policy has {count}")
    if trainer.specification.n > MOST_TRAJECTORIES:
        cause = f"a page shows at most {MOST_TRAJECTORIES} trajectories"
        raise CantBeShown(f"{cause}, and its N is {trainer.specification.n}")
    if how.entropy:
        raise CantBeShown("a page shows no entropy bonus")
