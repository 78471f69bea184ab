"""The random streams of one run."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

import numpy as np

from pgstudy.learning.specification import RunSpecification

TESTS = 2**32 - 1  # no child that is spawned by its number has this one


class EpisodeStreams(NamedTuple):
    """What episodes draw from; the last is for the process's own generators."""

    environments: np.random.SeedSequence
    actions: np.random.SeedSequence
    global_generators: np.random.SeedSequence


class Streams:
    """Independent random streams of one run, spawned from its seed.

    One each for the weights of the policy and of a learned baseline, and three each
    for the episodes of training and of the evaluations of the untrained and of the
    final policy. The specification is mixed in, so that runs of two cells with the
    same seed are independent too.
    """

    def __init__(self, specification: RunSpecification, seed: int) -> None:
        text = json.dumps(specification.to_dict(), sort_keys=True).encode()
        words = np.frombuffer(hashlib.sha256(text).digest()[:16], "<u4")
        root = np.random.SeedSequence(seed, spawn_key=tuple(words.tolist()))
        self.weights, environments, actions = root.spawn(3)
        untrained, final, self.value = root.spawn(3)
        self.training = EpisodeStreams(environments, actions, *root.spawn(1))
        self.untrained = EpisodeStreams(*untrained.spawn(3))
        self.final = EpisodeStreams(*final.spawn(3))
        self._root = root

    def test(self, update: int, stage: int) -> EpisodeStreams:
        """For a test of the policy after an update, which may have several stages."""
        key = (*self._root.spawn_key, TESTS, update, stage)
        own = np.random.SeedSequence(self._root.entropy, spawn_key=key)
        return EpisodeStreams(*own.spawn(3))
