"""Recordings of final policies, an episode each.

Of an environment's best cell the worst, the median and the best run play one.
No screen is needed. The bytes depend on the policies and the seeds alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy

from pgstudy.analysis.recordings.corridor import PAINTERS, Painter
from pgstudy.analysis.recordings.frames import (
    Picture,
    Reel,
    TooLarge,
    encoded,
    rendered,
)
from pgstudy.analysis.tables.build import Tables, best
from pgstudy.experiment.store.runs import POLICY, Store
from pgstudy.experiment.study.cell import folder_name
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.files import write_atomically, write_json
from pgstudy.learning.environments import registry as environments
from pgstudy.learning.environments import spaces
from pgstudy.learning.environments.making import make
from pgstudy.learning.environments.parallel.base import Ended
from pgstudy.learning.environments.parallel.environment_list import EnvironmentList
from pgstudy.learning.estimators.gradients import one_thread
from pgstudy.learning.policies.distributions import Policy, load, make_policy
from pgstudy.learning.sampling import sampling
from pgstudy.learning.specification import EnvironmentSpecification, RunSpecification
from pgstudy.learning.streams import EpisodeStreams

INDEX = "recordings.json"
ROLES = ("worst", "median", "best")
STREAM = 20_240_607  # sets the recordings' random numbers apart from those of training
STEPS_PER_SECOND = 4.0  # where an environment names no pace
SPEAKING = spaces.UnusableEnvironment, spaces.EnvironmentFault, TooLarge


@dataclass(frozen=True)
class Recording:
    """One episode: frames, how long each is shown (ms), its return and its steps."""

    frames: Sequence[Picture]
    durations: Sequence[int]
    episode_return: float
    steps: int

    def encoded(self) -> bytes:
        """As an animated WebP. Errors: TooLarge."""
        return encoded(self.frames, self.durations)


class RecordedEnvironment(EnvironmentList):
    """One that is looked at after its reset and its steps, for a reel of pictures."""

    def __init__(
        self,
        specification: EnvironmentSpecification,
        seeds: Sequence[int],
        painter: Painter,
    ) -> None:
        super().__init__(specification, seeds)
        self._paint = painter
        self.reel = Reel()
        self.steps = 0
        self.total = 0.0

    @property
    def pace(self) -> float:
        """Steps per second, as the environment's authors would show them."""
        return float(
            self._environments[0].metadata.get("render_fps") or STEPS_PER_SECOND
        )

    def reset(self, rows: spaces.Rows) -> None:
        """See `ParallelEnvironments.reset`."""
        super().reset(rows)
        self.look()

    def step(
        self, actions: spaces.Actions, rows: spaces.Rows, rewards: list[float]
    ) -> Ended | None:
        """See `ParallelEnvironments.step`."""
        ended = super().step(actions, rows, rewards)
        self.steps += 1
        self.total += float(rewards[-1])
        if self.reel.wants(self.steps):
            self.look()
        return ended

    def look(self) -> None:
        """Keep a picture of the environment as it is now."""
        picture = self._paint(self._environments[0].unwrapped)
        self.reel.add(picture, self.steps, self.total)


def record(specification: RunSpecification, policy_file: Path, seed: int) -> Recording:
    """Let a saved policy play one episode, drawing its actions, and record it.

    `seed` is the run's. Errors: OSError, UnusableEnvironment, EnvironmentFault, and
    whatever an environment raises while it is made or rendered.
    """
    root = np.random.SeedSequence(seed, spawn_key=(STREAM,))
    environment, actions, weights, global_generators = root.spawn(4)
    streams = EpisodeStreams(environment, actions, global_generators)

    def policy(layout: spaces.Layout) -> Policy:  # all weights are loaded over
        generator = np.random.default_rng(weights)
        return make_policy(layout, specification.policy, generator)

    with (
        one_thread(),
        warnings.catch_warnings(action="ignore"),  # what goes wrong is raised, too
        sampling(specification, streams, 1, policy, _recorded) as sampler,
    ):
        load(sampler.policy, safetensors.numpy.load_file(policy_file))
        batch, shown = sampler.sample(), sampler.environments
        assert isinstance(shown, RecordedEnvironment)
        shown.look()  # the end, whatever the stride
        frames, durations = shown.reel.cut(shown.pace)
        return Recording(frames, durations, float(batch.returns[0]), shown.steps)


def _recorded(
    specification: EnvironmentSpecification, seeds: Sequence[int]
) -> RecordedEnvironment:
    """The environment with its pictures. Errors: UnusableEnvironment."""
    environments.load_code(specification)
    if specification.id in PAINTERS:
        return RecordedEnvironment(specification, seeds, PAINTERS[specification.id])
    plain = make(specification)
    modes = plain.metadata.get("render_modes") or ()
    plain.close()
    if "rgb_array" not in modes:
        raise spaces.UnusableEnvironment("it has no render mode rgb_array")
    kwargs = {**specification.kwargs, "render_mode": "rgb_array"}
    shown = replace(specification, kwargs=kwargs)
    return RecordedEnvironment(shown, seeds, rendered)


def choose(tables: Tables, environment: str) -> dict[str, pd.Series]:
    """Rows of `runs` by role: of the best cell's finished runs, by final return.

    Of two runs there is no median one, and a single one is the best. Of an even number
    the median is the lower one of the middle two.
    """
    summary = best(tables.summary[tables.summary["environment"] == environment])
    runs = tables.runs[tables.runs["environment"] == environment]
    for name in ("estimator", "n", "learning_rate"):
        runs = runs[runs[name] == summary[name].iloc[0]]
    runs = runs[(runs["status"] == "finished") & runs["final_return"].notna()]
    rows = [row for _, row in runs.sort_values(["final_return", "seed"]).iterrows()]
    if len(rows) < len(ROLES):
        return dict(zip(("worst", "best")[-len(rows) :], rows, strict=False))
    middle = rows[(len(rows) - 1) // 2]
    return dict(zip(ROLES, (rows[0], middle, rows[-1]), strict=True))


def write(store: Store, study: Study, tables: Tables, folder: Path) -> None:
    """Write the recordings, and `recordings.json`: an entry for each.

    Where an environment can't be recorded, the entry has a `reason` and no `file`.
    Errors: OSError.
    """
    entries: list[dict[str, Any]] = []
    for environment in study.environments:
        chosen = choose(tables, environment)
        if not chosen:
            reason = "no run of its best cell is finished"
            entries.append({"environment": environment, "reason": reason})
        made = [_made(store, study, role, row) for role, row in chosen.items()]
        some = any(content is not None for _, content in made)
        entries += [entry for entry, _ in made[: None if some else 1]]
        for entry, content in made:
            if content is not None:
                write_atomically(folder / entry["file"], _writer(content))
    write_json(folder / INDEX, entries)


def _made(
    store: Store, study: Study, role: str, row: pd.Series
) -> tuple[dict[str, Any], bytes | None]:
    """One recording's entry, and its bytes if it could be made."""
    cells = study.cells_of(row["environment"], row["estimator"])
    place = row["n"], row["learning_rate"]
    cell = next(c for c in cells if (c.n, c.learning_rate) == place)
    run = store.run(cell, int(row["seed"]))
    entry = {
        "environment": cell.environment,
        "role": role,
        "estimator": cell.estimator,
        "n": cell.n,
        "learning_rate": cell.learning_rate,
        "seed": run.seed,
    }
    try:
        made = record(cell.specification, run.folder / POLICY, run.seed)
        content = made.encoded()
    except (Exception, SystemExit) as error:  # an environment may raise anything
        own = isinstance(error, SPEAKING)
        reason = str(error) if own else f"{type(error).__name__}: {error}"
        return entry | {"reason": reason}, None
    file = f"{folder_name(cell.environment)}-{role}.webp"
    shown = {"file": file, "episode_return": made.episode_return, "steps": made.steps}
    return entry | shown, content


def _writer(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)
