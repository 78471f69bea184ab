"""A run's last snapshot, on disk, so that a kill costs seconds of training at most."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.system.files import write_atomically
from pgstudy.learning.reinforce import Snapshot, Trainer

CHECKPOINT = "checkpoint"
SECONDS = "PGSTUDY_CHECKPOINT_SECONDS"
ARRAY, REST = "array", "rest"


def interval() -> float:
    """Seconds between two checkpoints: the environment variable, or a minute."""
    try:
        return float(os.environ.get(SECONDS, "60"))
    except ValueError:
        print(f"{SECONDS} is not a number; it is 60 now", file=sys.stderr)
        return 60.0


@dataclass(frozen=True)
class Saved:
    """A snapshot, and the seconds of training that led to it."""

    snapshot: Snapshot
    seconds: float


def read(run: Run) -> Saved | None:
    """The run's checkpoint; None, and a word of it, if it is not what was written."""
    path = run.folder / CHECKPOINT
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, data = content[:32], content[32:]
    if hashlib.sha256(data).digest() != digest:
        print(
            f"{run.name}: its checkpoint is damaged; it starts again", file=sys.stderr
        )
        return None
    return decode(data)


def write(run: Run, saved: Saved) -> None:
    """Replace the run's checkpoint. Errors: OSError."""
    data = encode(saved)
    content = hashlib.sha256(data).digest() + data
    write_atomically(run.folder / CHECKPOINT, lambda path: path.write_bytes(content))


def encode(saved: Saved) -> bytes:
    """Arrays as safetensors, all the rest as JSON among them: nothing is pickled."""
    arrays: dict[str, Any] = {}

    def place(value: Any) -> dict[str, str]:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"a snapshot can't hold a {type(value).__name__}")
        arrays[name := str(len(arrays))] = np.ascontiguousarray(value)
        return {ARRAY: name}

    text = json.dumps(vars(saved), default=place)
    arrays[REST] = np.frombuffer(text.encode(), np.uint8)
    return safetensors.numpy.save(arrays)


def decode(data: bytes) -> Saved:
    """The inverse of `encode`; tuples come back as lists."""
    arrays = safetensors.numpy.load(data)

    def find(value: dict[str, Any]) -> Any:
        return arrays[value[ARRAY]].copy() if list(value) == [ARRAY] else value

    return Saved(**json.loads(arrays[REST].tobytes(), object_hook=find))


def remove(run: Run) -> None:
    """The run is complete."""
    (run.folder / CHECKPOINT).unlink(missing_ok=True)


class Keeper:
    """Called after each update; writes a checkpoint when it is time for one.

    `share` of the time that passes is the run's; others may train beside it.
    """

    def __init__(self, run: Run, seconds_before: float, share: float = 1.0) -> None:
        self._run = run
        self._before, self._share = seconds_before, share
        self._start = time.monotonic()
        self._interval = interval()
        self._due = time.monotonic() + self._interval

    def __call__(self, trainer: Trainer) -> None:
        """Write a checkpoint if it is time; a full disk is no reason to stop."""
        now = time.monotonic()
        if now >= self._due:
            kept = self.keep(trainer)
            self._due = now + self._interval if kept else float("inf")

    def keep(self, trainer: Trainer) -> bool:
        """Write a checkpoint now. False if the trainer's state can't be kept."""
        state = trainer.state()
        if state is None:
            return False
        try:
            write(self._run, Saved(state, self.seconds()))
        except OSError as error:
            print(f"{self._run.name}: no checkpoint: {error}", file=sys.stderr)
        return True

    def seconds(self) -> float:
        """Seconds of training so far, those before a kill included."""
        return self._before + self._share * (time.monotonic() - self._start)
