"""A finished run's returns over its updates, steps or episodes, and on equal bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgstudy.analysis import statistics
from pgstudy.analysis.statistics import Array
from pgstudy.experiment.runs import UPDATES, Run

FINAL_SHARE = 0.1  # "final" is the last tenth of a run, by the unit of its curves


@dataclass(frozen=True)
class History:
    """After each of U updates: environment steps, and steps or episodes, spent so far;
    and the mean return of its batch. All: [U].
    """

    env_steps: Array
    ends: Array
    returns: Array

    @property
    def final_return(self) -> float:
        """Mean return per trajectory over the last tenth."""
        span = np.array([(1 - FINAL_SHARE) * self.ends[-1], self.ends[-1]])
        return float(statistics.binned(self.ends, self.returns, span)[0])

    def by_updates(self, edges: Array) -> Array:
        """Mean returns between the updates that `edges` name: [bins]."""
        ends = np.arange(1.0, len(self.returns) + 1)
        return statistics.binned(ends, self.returns, edges)

    def steps_at(self, updates: Array) -> Array:
        """Environment steps spent after so many updates, between two by its share."""
        known = np.arange(len(self.env_steps) + 1.0)
        steps = np.interp(updates, known, np.concatenate([[0.0], self.env_steps]))
        return np.asarray(steps)


def read(run: Run, unit: str) -> History | None:
    """A run's history by `env_steps` or `episodes`; None if it is not finished."""
    if not run.is_complete() or (run.record() or {})["status"] != "finished":
        return None
    columns = ["env_steps", "episodes", "mean_return"]
    table = pd.read_parquet(run.folder / UPDATES, columns=columns)
    return History(
        *(table[k].to_numpy(np.float64) for k in ("env_steps", unit, "mean_return"))
    )


def binned(history: History | None, edges: Array) -> Array:
    """Mean returns on the bins, [bins]; NaN where the run is not, or not there."""
    if history is None:
        return np.full(len(edges) - 1, np.nan)
    return statistics.binned(history.ends, history.returns, edges)


def reached(threshold: float | None, curve: Array, edges: Array) -> float | None:
    """End of the first bin whose return reaches the threshold; None for never."""
    if threshold is None:
        return None
    found = np.flatnonzero(np.nan_to_num(curve, nan=-np.inf) >= threshold)
    return float(edges[1:][found[0]]) if len(found) else None
