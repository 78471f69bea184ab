"""The environments of the library envpool as lanes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.faults import EnvironmentFault
from pgstudy.learning.environments.making import make_envpool
from pgstudy.learning.environments.parallel.lanes import (
    Flags,
    Lanes,
    Rewards,
    numbers,
)
from pgstudy.learning.environments.spaces import Actions, Rows, layout
from pgstudy.learning.specification import EnvironmentSpecification

Ids = npt.NDArray[np.int32]


class EnvpoolLanes(Lanes):
    """envpool's environments, a seed each; only those alive are stepped."""

    def __init__(
        self, specification: EnvironmentSpecification, seeds: Sequence[Sequence[int]]
    ) -> None:
        self.n = len(seeds[0])
        small = [seed % 2**31 for each in seeds for seed in each]
        self._environments = make_envpool(specification, small)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the precision of bounds
            observations = self._environments.observation_space
            actions = self._environments.action_space
        self.layout = layout(observations, actions)
        self._ids: Ids = np.arange(len(small), dtype=np.int32)

    def _reset(self, runs: Sequence[int], rows: Rows) -> None:
        if not runs:
            return
        lanes = self._ids.reshape(-1, self.n)[list(runs)].ravel()
        observations, info = self._environments.reset(lanes)
        self._put(observations, info, lanes, rows)

    def _put(self, observations: Any, info: Any, lanes: Ids, rows: Rows) -> None:
        if (info["env_id"] != lanes).any():
            raise EnvironmentFault("envpool returned its environments out of order")
        encoded = np.empty((len(lanes), rows.shape[1]), rows.dtype)
        self.layout.encode(observations, encoded)
        rows[lanes] = encoded

    def _step(
        self, actions: Actions, alive: Flags, rows: Rows, rewards: Rewards
    ) -> tuple[Flags, Flags]:
        outward, ids = self.layout.actions.outward(actions), self._ids[alive]
        found = self._environments.step(outward[alive], ids)
        observations, reward, terminated, truncated, info = found
        self._put(observations, info, ids, rows)
        rewards[alive] = numbers(reward, len(ids))
        ends = np.zeros((2, len(alive)), np.bool_)
        ends[:, alive] = terminated, truncated
        return ends[0], ends[1]

    def state(self, run: int) -> None:
        """Unknown: the library does not hand out its generators."""

    def restore(self, run: int, saved: None) -> None:
        """Never called, since there is no state."""

    def close(self) -> None:
        """See `Lanes.close`."""
        self._environments.close()
