"""SIGTERM or Ctrl-C during training: every run keeps a checkpoint, then all end.

A batch system sends SIGTERM at a time limit, a preemption or a drain, and SIGKILL some
seconds later.
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

from pgstudy.experiment.system.isolation import ENDING, GRACE


class Interrupted(Exception):
    """A signal ended the training; its runs have kept checkpoints."""


class Ending:
    """What the runs of one process know of a signal that asks it to end.

    runs: how many train here. An update that takes longer than `GRACE` is lost: the
    process ends as the signal would have ended it.
    """

    def __init__(self, runs: int) -> None:
        self.name = ""
        self._number = 0
        self._going = runs
        self._until = float("inf")
        signal.signal(signal.SIGALRM, self.die)
        for number in ENDING:
            signal.signal(number, self._ask)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if not self.name:
            self.name = signal.Signals(number).name
            self._number = number
            self._until = time.monotonic() + GRACE / 2
            signal.setitimer(signal.ITIMER_REAL, GRACE)

    def die(self, *_: object) -> None:
        """End the process as the signal would have; whoever waits for it knows why."""
        signal.signal(self._number, signal.SIG_DFL)
        os.kill(os.getpid(), self._number)

    def count(self) -> None:
        """One more run is complete, or has kept its checkpoint."""
        self._going -= 1

    def check(self) -> None:
        """Errors: Interrupted, once the last of the runs was counted.

        Those that train side by side are waited for, but not for long.
        """
        if self._going == 0 or time.monotonic() > self._until:
            raise Interrupted
