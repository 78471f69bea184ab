"""REINFORCE (Williams 1992): sample N trajectories, estimate grad J, step uphill."""

from __future__ import annotations

from typing import Any

import numpy as np
import threadpoolctl
import torch

from pgstudy.learning import environments
from pgstudy.learning.estimators import TrajectoryWeights, surrogate
from pgstudy.learning.optimizers import make_optimizer
from pgstudy.learning.policies import CategoricalPolicy
from pgstudy.learning.results import Column, Training
from pgstudy.learning.rollout import Batch, Sampler
from pgstudy.learning.specification import RunSpecification
from pgstudy.learning.streams import Streams

THREADS = 1  # more would change the bits, and eight jobs at once would crawl


def train(specification: RunSpecification, seed: int) -> Training:
    """Train one policy from scratch; the bits depend on these two arguments alone.

    Errors: UnusableEnvironment, EnvironmentFault, and what the environment raises.
    """
    torch.set_num_threads(THREADS)
    with threadpoolctl.threadpool_limits(THREADS):
        return _Trainer(specification, seed).run()


class _Trainer:
    def __init__(self, specification: RunSpecification, seed: int) -> None:
        self.specification = specification
        self.streams = Streams(specification, seed)
        self.sampler = self._make_sampler(
            specification.n, self.streams.environments, self.streams.actions
        )
        self.policy = self._make_policy()
        self.optimizer = make_optimizer(specification.optimizer, self.policy.parameters)
        self.weights = TrajectoryWeights(specification.baseline)
        self.spent = {"env_steps": 0, "updates": 0, "episodes": 0}
        self.updates: list[dict[str, float]] = []
        self.batches: list[Batch] = []

    def run(self) -> Training:
        untrained = self._evaluate(self.streams.untrained)
        diverged_at = None
        while diverged_at is None and self._progress() < 1:
            if not self._update():
                diverged_at = len(self.updates)
        final = np.empty(0) if diverged_at else self._evaluate(self.streams.final)
        self.sampler.close()
        return Training(
            status="diverged" if diverged_at else "finished",
            updates=_columns(self.updates),
            episodes=_episode_columns(self.batches),
            policy=self.policy.named_parameters(),
            evaluation={"untrained": untrained, "final": final},
            diverged_at=diverged_at,
        )

    def _progress(self) -> float:
        budget = self.specification.budget
        return self.spent[budget.unit] / budget.amount

    def _update(self) -> bool:
        """Sample N trajectories and take one step; False if it was not finite."""
        alpha = self.specification.optimizer.learning_rate
        if self.specification.optimizer.schedule == "linear":
            alpha *= 1 - self._progress()
        batch = self.sampler.sample(self.policy)
        gradients = self._gradient(batch)
        self.optimizer.step(gradients, alpha)
        norm = float(torch.stack([g.square().sum() for g in gradients]).sum().sqrt())
        self._record(batch, alpha, norm)
        weights_finite = all(bool(p.isfinite().all()) for p in self.policy.parameters)
        return bool(np.isfinite(norm)) and weights_finite

    def _gradient(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        """The estimate of grad J from one batch, shaped like the parameters."""
        per_trajectory = self.weights(batch.returns).astype(np.float32)
        log_probs = self.policy.log_probs(torch.from_numpy(batch.inputs))
        taken = log_probs.gather(1, torch.from_numpy(batch.actions)[:, None])[:, 0]
        weights = torch.from_numpy(per_trajectory[batch.lanes])
        objective = surrogate(taken, weights, self.specification.n)
        return torch.autograd.grad(objective, self.policy.parameters)

    def _record(self, batch: Batch, alpha: float, norm: float) -> None:
        self.spent["env_steps"] += int(batch.lengths.sum())
        self.spent["episodes"] += len(batch.returns)
        self.spent["updates"] += 1
        self.batches.append(Batch(**vars(batch) | _NO_STEPS))
        self.updates.append(
            {
                "update": self.spent["updates"],
                "env_steps": self.spent["env_steps"],
                "episodes": self.spent["episodes"],
                "learning_rate": alpha,
                "gradient_norm": norm,
                "mean_return": float(batch.returns.mean()),
                "std_return": float(batch.returns.std()),
                "mean_length": float(batch.lengths.mean()),
                "truncated_share": float(1 - batch.terminated.mean()),
            }
        )

    def _evaluate(self, stream: np.random.SeedSequence) -> Column:
        count = self.specification.evaluation_episodes
        if count == 0:
            return np.empty(0)
        sampler = self._make_sampler(count, *stream.spawn(2))
        returns = sampler.sample(self.policy).returns
        sampler.close()
        return returns

    def _make_sampler(
        self,
        n: int,
        environment_stream: np.random.SeedSequence,
        action_stream: np.random.SeedSequence,
    ) -> Sampler:
        seeds = environment_stream.generate_state(n, np.uint64) >> np.uint64(1)
        return Sampler(
            lanes=environments.make_lanes(self.specification.environment, n),
            seeds=seeds.tolist(),
            actions=np.random.default_rng(action_stream),
            max_episode_steps=self.specification.environment.max_episode_steps,
        )

    def _make_policy(self) -> CategoricalPolicy:
        lane = environments.make_lanes(self.specification.environment, 1)[0]
        hidden = self.specification.hidden
        inputs, actions = (
            environments.observation_size(lane),
            environments.action_count(lane),
        )
        bias = bool(hidden) or not environments.is_one_hot(lane)
        lane.close()
        generator = np.random.default_rng(self.streams.weights)
        return CategoricalPolicy((inputs, *hidden, actions), bias, generator)


# A finished batch keeps its episodes' totals; the steps would fill the memory.
_NO_STEPS: dict[str, Any] = {
    "inputs": np.empty((0, 0), np.float32),
    "actions": np.empty(0, np.int64),
    "lanes": np.empty(0, np.int64),
}


def _columns(rows: list[dict[str, float]]) -> dict[str, Column]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _episode_columns(batches: list[Batch]) -> dict[str, Column]:
    n = len(batches[0].returns)
    return {
        "update": np.repeat(np.arange(1, len(batches) + 1), n),
        "trajectory": np.tile(np.arange(n), len(batches)),
        "return": np.concatenate([b.returns for b in batches]),
        "length": np.concatenate([b.lengths for b in batches]),
        "terminated": np.concatenate([b.terminated for b in batches]),
    }
