"""A finished run's returns over its updates, steps or episodes, and on equal bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from pgstudy.analysis.statistics import basics
from pgstudy.analysis.statistics.basics import Array
from pgstudy.experiment.store.runs import UPDATES, Run

FINAL_SHARE = 0.1  # "final" is the last tenth of a run, by the unit of its curves


@dataclass(frozen=True)
class History:
    """After each of U updates: environment steps, and steps or episodes, spent so far;
    the mean return of its batch, the share of it that was truncated, and how many
    trajectories it had, if that differs between updates. All: [U].
    """

    env_steps: Array
    ends: Array
    returns: Array
    truncated: Array
    n: Array | None = None

    @property
    def final_return(self) -> float:
        """Mean return per trajectory over the last tenth."""
        return self._at_end(self.returns)

    @property
    def final_truncated_share(self) -> float:
        """Share of the trajectories in the last tenth that were truncated."""
        return self._at_end(self.truncated)

    def _at_end(self, values: Array) -> float:
        span = np.array([(1 - FINAL_SHARE) * self.ends[-1], self.ends[-1]])
        return float(basics.binned(self.ends, values, span, self.n)[0])

    def by_updates(self, edges: Array) -> Array:
        """Mean returns between the updates that `edges` name: [bins]."""
        ends = np.arange(1.0, len(self.returns) + 1)
        return basics.binned(ends, self.returns, edges, self.n)

    def steps_at(self, updates: Array) -> Array:
        """Environment steps spent after so many updates, between two by its share."""
        known = np.arange(len(self.env_steps) + 1.0)
        steps = np.interp(updates, known, np.concatenate([[0.0], self.env_steps]))
        return np.asarray(steps)


def read(run: Run, unit: str) -> History | None:
    """A run's history by `env_steps` or `episodes`; None if it is not finished."""
    if run.status() != "finished":
        return None
    names = ["env_steps", unit, "mean_return", "truncated_share"]
    # a fifth of what pandas takes, which looks for a data set of many files
    with pq.ParquetFile(run.folder / UPDATES) as file:
        if "trajectories" in file.schema_arrow.names:
            names.append("trajectories")
        table = file.read(list(set(names)), use_threads=False)
    return History(*(table[name].to_numpy().astype(np.float64) for name in names))


def binned(history: History | None, edges: Array) -> Array:
    """Mean returns on the bins, [bins]; NaN where the run is not, or not there."""
    if history is None:
        return np.full(len(edges) - 1, np.nan)
    return basics.binned(history.ends, history.returns, edges, history.n)
