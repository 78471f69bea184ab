"""A trained policy that acts, and its network as torch knows it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from pgstudy.analysis.notebook.errors import CantBeLoaded
from pgstudy.analysis.notebook.networks import log_std, sequential
from pgstudy.experiment.store.record import (
    INCOMPLETE,
    RECORD,
    RunRecord,
    read_record,
)
from pgstudy.experiment.store.runs import POLICY
from pgstudy.experiment.system.files import file_digest
from pgstudy.learning.divergence import OVERFLOW
from pgstudy.learning.environments.faults import EnvironmentFault
from pgstudy.learning.environments.spaces import Floats, Layout
from pgstudy.learning.policies.distributions import Policy
from pgstudy.learning.policies.making import load, make_policy
from pgstudy.learning.rollouts.columns import Column
from pgstudy.learning.rollouts.sampling import sampling
from pgstudy.learning.rollouts.streams import EpisodeStreams
from pgstudy.learning.specification import RunSpecification

Seed = int | np.random.SeedSequence | np.random.Generator | None


class LoadedPolicy:
    """The final policy of a run.

    network: from rows of inputs [..., inputs] to logits, or to means of actions; a copy
    in torch's own layout. Inputs are observations, flattened or one-hot, in float32; in
    float64 if the policy standardises them, which is the first module then.
    log_std: [k] of continuous actions, else None. layout: how observations become
    inputs, and what actions there are. record: what run.json says.
    """

    def __init__(
        self, record: RunRecord, policy: Policy, layout: Layout, seed: Seed
    ) -> None:
        self.record = record
        self.specification = RunSpecification.from_dict(record.specification)
        self.layout = layout
        self.network = sequential(policy, self.specification.policy.activation)
        self.log_std = log_std(policy)
        self._policy = policy
        self._generator = np.random.default_rng(seed)

    def __repr__(self) -> str:
        run = self.record
        place = f"{run.environment} {run.estimator} N={run.n} seed={run.seed}"
        return f"<policy of {place}>"

    @property
    def evaluation_returns(self) -> Column:
        """Returns of fresh episodes after the training, as the run reports them: [E]"""
        return np.array(self.record.evaluation.get("final", []), np.float64)

    def act(self, observation: Any, deterministic: bool = False) -> Any:
        """An action for one observation, both as the environment has them.

        It is drawn from pi(. | s); the most probable one, or the mean, if
        `deterministic`. Errors: ValueError for what is no observation, ArithmeticError
        where the policy's outputs are no finite numbers, as of a run that diverged.
        """
        row = self._row(observation)
        with np.errstate(all="ignore"):  # what goes wrong is raised
            outputs = self._policy.network.numpy_outputs(row)
        if not np.isfinite(outputs).all():
            seen = f"for the observation {observation!s:.100}"
            raise ArithmeticError(f"{OVERFLOW} {seen}; the run {self.record.status}")
        noise = np.zeros((1, self._policy.noise_width), np.float32)
        if not deterministic:
            noise = self._policy.draw(self._generator, 1)
        arrays = self._policy.parameters.arrays
        drawn = self._policy.chosen(outputs, noise, arrays)
        return self.layout.actions.each(drawn)[0]

    def _row(self, observation: Any) -> Floats:
        """As the policy's input: [1, inputs]."""
        exact = self._policy.normaliser is not None
        row = np.empty((1, self.layout.inputs), np.float64 if exact else np.float32)
        try:
            self.layout.write(observation, row[0])
        except (EnvironmentFault, ValueError, TypeError):
            size = self.layout.inputs
            wanted = f"{size} numbers"
            if self.layout.composed:
                wanted = f"one of {self.layout.observations}"
            elif self.layout.one_hot:
                first = self.layout.first_observation
                wanted = f"a whole number from {first} to {first + size - 1}"
            raise ValueError(
                f"an observation of {self.specification.environment.id} is {wanted}, "
                f"and not {observation!s:.100}"
            ) from None
        return row


def load_policy(run: Any, seed: Seed = 0) -> LoadedPolicy:
    """The policy of a run: of its folder, its run.json, or a row of a study's `runs`.

    seed: of the actions that it draws. The environment is made once, since it says what
    observations and actions are; a module of your own that registers it is looked for
    in the working folder, too. Errors: CantBeLoaded.
    """
    folder = run_folder(run)
    record = _record(folder)
    try:
        specification = RunSpecification.from_dict(record.specification)
        policy, layout = _untrained(specification)
    except Exception as error:  # whatever a user's environment raises
        raise CantBeLoaded(
            f"{record.environment}, the environment of the run in {folder}, can't be "
            f"made: {error}"
        ) from error
    try:
        load(policy, safetensors.numpy.load_file(folder / POLICY))
    except (KeyError, ValueError):
        raise CantBeLoaded(
            f"{folder / POLICY} has other weights than {record.environment} needs: the "
            "environment is not the one that the run was trained in"
        ) from None
    return LoadedPolicy(record, policy, layout, seed)


def run_folder(run: Any) -> Path:
    """Where the run's files are. Errors: CantBeLoaded."""
    place = run if isinstance(run, str | os.PathLike) else getattr(run, "folder", None)
    if not isinstance(place, str | os.PathLike):
        raise CantBeLoaded(
            "a run is its folder, its run.json, or one row of a study's runs, such as "
            f"study.runs.iloc[0]; this is a {type(run).__name__}"
        )
    path = Path(place)
    return path.parent if path.name == RECORD else path


def _record(folder: Path) -> RunRecord:
    """Of a run with a policy that is what was written. Errors: CantBeLoaded."""
    record, cure = read_record(folder), "`pgstudy run CONFIG` trains it"
    if record is None:
        there = (folder / RECORD).is_file()
        how = "is damaged" if there else "is not there"
        raise CantBeLoaded(f"{folder / RECORD} {how}; {cure}")
    if record.status in INCOMPLETE:
        raise CantBeLoaded(
            f"the run in {folder} is {record.status}, so it has no policy yet "
            f"({record.reason}); {cure}"
        )
    if file_digest(folder / POLICY) != record.files.get(POLICY):
        raise CantBeLoaded(f"{folder / POLICY} is missing or damaged; {cure} again")
    return record


def _untrained(specification: RunSpecification) -> tuple[Policy, Layout]:
    """A policy whose weights will be loaded over, and how it sees its environment."""
    weights, *streams = np.random.SeedSequence(0).spawn(4)

    def policy(layout: Layout) -> Policy:
        generator = np.random.default_rng(weights)
        return make_policy(layout, specification.policy, generator)

    with sampling(specification, EpisodeStreams(*streams), 1, policy) as sampler:
        return sampler.policy, sampler.layout
