"""The columns of a loaded study's tables, beside those of tables/.

docs/tables.md is written from this (`pgstudy document`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pgstudy.analysis.common import columns
from pgstudy.analysis.common.columns import ENVIRONMENT, ESTIMATOR, Column, N, Schema

RUNS = (*columns.RUNS, Column("folder", str, "where the run's files are"))
RUN = (
    ENVIRONMENT,
    ESTIMATOR,
    N,
    Column("seed", int, "of the run"),
    Column("key", str, "of the run, as in `runs`"),
)
OF_UPDATES = (
    Column("update", int, "from 1"),
    Column("env_steps", int, "environment steps so far"),
    Column("episodes", int, "trajectories so far"),
    Column("learning_rate", float, "of this update"),
    Column("gradient_norm", float, "of the estimate; empty where the run was stopped"),
    Column("entropy", float, "the policy's in nats, mean over the states of the batch"),
    Column("mean_return", float, "of the update's trajectories"),
    Column("std_return", float, "of these, their standard deviation"),
    Column("mean_length", float, "of these, in steps"),
    Column("truncated_share", float, "of these, the share that was cut"),
    Column("test_return", float, "of fresh episodes, where the target was tested"),
    Column("trajectories", int, "N of the update, where it adapts"),
    Column("noise_scale", float, "which the next N follows, where it adapts"),
)
OF_EPISODES = (
    Column("update", int, "that the trajectory was sampled for, from 1"),
    Column("trajectory", int, "of the update, from 0"),
    Column("return", float, "undiscounted sum of its rewards"),
    Column("length", int, "steps"),
    Column("terminated", bool, "whether the environment ended it; false: it was cut"),
)
# By the name of a block in docs/tables.md.
SCHEMAS: Mapping[str, Schema] = {
    "loaded-runs": RUNS[-1:],
    "loaded-updates": (*RUN, *OF_UPDATES),
    "loaded-episodes": (*RUN, *OF_EPISODES),
}


def tidy(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The columns of a schema, in its order and types; what is not there is missing.

    Whole numbers of which some are missing are pandas' Int64.
    """
    return pd.DataFrame(
        {
            column.name: _typed(table[column.name], column.type)
            if column.name in table
            else _typed(pd.Series(None, table.index, "float64"), column.type)
            for column in schema
        },
        index=table.index,
    )


def _typed(values: pd.Series, kind: type) -> pd.Series:
    if kind is not int:
        return values.astype(kind)
    whole = pd.to_numeric(values).astype("Int64")
    return whole if whole.hasnans else whole.astype("int64")
