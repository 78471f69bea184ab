"""The random streams of one run."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from pgstudy.learning.specification import RunSpecification


class Streams:
    """Independent random streams of one run, spawned from its seed.

    One each for weights, environments, actions, the evaluations of the untrained and
    of the final policy, the weights of a learned baseline, and the process's global
    generators. The specification is mixed in, so that runs of two cells with the same
    seed are independent too.
    """

    def __init__(self, specification: RunSpecification, seed: int) -> None:
        text = json.dumps(specification.to_dict(), sort_keys=True).encode()
        words = np.frombuffer(hashlib.sha256(text).digest()[:16], "<u4")
        root = np.random.SeedSequence(seed, spawn_key=tuple(words.tolist()))
        self.weights, self.environments, self.actions = root.spawn(3)
        self.untrained, self.final, self.value = root.spawn(3)
        (self.global_generators,) = root.spawn(1)
