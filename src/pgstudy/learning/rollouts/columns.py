"""Columns of tables, from what is known of each update's trajectories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]


def counts(rows: Sequence[Column]) -> Column:
    """The trajectories of each update: [U]."""
    return np.array([len(row) for row in rows], np.int64)


def each(of: Callable[..., Any], rows: Sequence[Column], n: int) -> Column:
    """A mean or the like of each update's trajectories: [U].

    At once where all updates have N of them, with the same bits.
    """
    if all(len(row) == n for row in rows):
        found: Column = of(np.array(rows).reshape(-1, n), axis=1)
        return found
    return np.array([of(row) for row in rows])


def after(updates: Column, found: Mapping[str, float]) -> Column:
    """What was found after some updates, NaN after the others: [U]."""
    return np.array([found.get(str(update), np.nan) for update in updates.tolist()])


def of_trajectories(
    returns: Sequence[Column], lengths: Sequence[Column], terminated: Sequence[Column]
) -> dict[str, Column]:
    """See `Training.episodes`."""
    n = counts(lengths)
    return {
        "update": np.repeat(np.arange(1, len(n) + 1), n),
        "trajectory": np.arange(n.sum()) - np.repeat(n.cumsum() - n, n),
        "return": np.concatenate([np.empty(0, np.float64), *returns]),
        "length": np.concatenate([np.empty(0, np.int64), *lengths]),
        "terminated": np.concatenate([np.empty(0, np.bool_), *terminated]),
    }
