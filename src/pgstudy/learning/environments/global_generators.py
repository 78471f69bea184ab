"""The process's own random generators, which some environments draw from.

They belong to `numpy.random`, `random` and torch. Each run, and each evaluation, starts
them from a stream of its own, so that such an environment repeats, whatever else ran in
the process before.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

States = dict[str, Any]


def states() -> States:
    """The states of all of them, by name, as plain Python and numpy data.

    Torch's is among them where torch is imported: planning does without.
    """
    version, words, gauss = random.getstate()
    found = {
        "numpy.random": np.random.get_state(legacy=False),
        "random": {"version": version, "words": np.array(words), "gauss": gauss},
    }
    if torch := sys.modules.get("torch"):
        found["torch"] = torch.get_rng_state().numpy()
    return found


def set_states(saved: States) -> None:
    """The inverse of `states`."""
    np.random.set_state(saved["numpy.random"])
    own = saved["random"]
    random.setstate((own["version"], tuple(own["words"].tolist()), own["gauss"]))
    if "torch" in saved:
        torch = sys.modules["torch"]
        torch.set_rng_state(torch.from_numpy(saved["torch"].copy()))


@contextlib.contextmanager
def seeded(stream: np.random.SeedSequence) -> Iterator[Callable[[], tuple[str, ...]]]:
    """Start them from a stream; afterwards they are as they were before.

    Hands out a function that names those that have been drawn from since.
    """
    before = states()
    words = stream.generate_state(8)
    np.random.seed(words)
    random.seed(words.tobytes())
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(int(words[0]))
    start = states()
    try:
        yield lambda: tuple(k for k, v in states().items() if not _same(v, start[k]))
    finally:
        set_states(before)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_same(value, other[name]) for name, value in one.items())
    return bool(np.all(one == other))
