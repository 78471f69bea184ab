"""The numbers of some updates of a run, which is trained again up to them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from pgstudy.analysis.gradients import exact
from pgstudy.analysis.lesson.updates import Played, Policy, Update
from pgstudy.experiment.store.runs import UPDATES
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
            expected = exact.cut_return(known, chances[shown], where.max_episode_steps)
        return Policy(policy.parameters.flat.astype(float), chances, expected)

    def _exact(self) -> Array | None:
        layout, where = self.sampler.layout, self.specification.environment
        if self.specification.estimator.gamma != 1:  # then J is another one
            return None
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
    if len(recorder.kept) < len(wanted):
        raise CantBeShown("it ended in the middle of an update that was asked for")
    return recorder.kept


def require_same(folder: Path, updates: Sequence[Update]) -> None:
    """Errors: CantBeShown, if a run's own record has other numbers for its updates."""
    rows = pq.read_table(folder / UPDATES).to_pandas().set_index("update")
    for one in updates:
        mean = float(np.mean([sum(played.rewards) for played in one.played]))
        found = mean, float(np.linalg.norm(one.estimate))
        row = rows.loc[one.number]
        recorded = row["mean_return"], row["gradient_norm"]
        if not np.allclose(found, recorded, rtol=1e-4, atol=1e-6):
            cause = "it was made with other code or versions than are here now"
            raise CantBeShown(f"update {one.number} is not what it was; {cause}")


def _require_small(trainer: Trainer) -> None:
    layout, how = trainer.sampler.layout, trainer.specification.estimator
    count = len(trainer.policy.parameters.flat)
    policy = trainer.specification.policy
    if policy.hidden or policy.network:
        raise CantBeShown("a page shows policies without hidden layers only")
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
