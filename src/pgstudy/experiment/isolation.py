"""Call a function in a process of its own, which can die without taking us along.

The process is forked: what is imported here is there at once (torch alone takes 1.4 s).
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar, cast

from pgstudy.experiment.logs import log_only

T = TypeVar("T")
FORK = multiprocessing.get_context("fork")
PR_SET_PDEATHSIG = 1  # prctl(2)


class Died(RuntimeError):
    """The process ended before the function did; the message says how."""


def in_child(function: Callable[[], T]) -> T:
    """What the function returns, or raises, in a process forked from this one.

    The process ends with this one, however this one ends, and what it says goes to
    the log alone. Errors: Died.
    """
    # in memory, and not a pipe: others that the child left may hold that open
    with os.fdopen(os.memfd_create("outcome"), "w+b") as outcome:
        child = FORK.Process(target=_call, args=(function, outcome, os.getpid()))
        child.start()
        try:
            child.join()
        finally:  # after Ctrl-C or SIGTERM, too
            child.kill()
            child.join()
        try:
            outcome.seek(0)
            returned, value = pickle.load(outcome)
        except (EOFError, pickle.UnpicklingError):
            raise Died(_ending(child.exitcode or 0)) from None
    if returned:
        return cast(T, value)
    raise value


def _call(function: Callable[[], Any], outcome: BinaryIO, parent: int) -> None:
    """The child: never returns."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(1)
        log_only()
        faulthandler.enable(2)
        pickle.dump(_outcome(function), outcome)
        outcome.flush()
    except BaseException:  # what can't be pickled, or a log on a full disk
        traceback.print_exc()
    finally:
        os._exit(0)  # no exit handlers, and nobody left behind is waited for


def _outcome(function: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        outcome = True, function()
    except BaseException as error:
        outcome = False, error
    sys.stdout.flush()
    sys.stderr.flush()
    return outcome


def _ending(code: int) -> str:
    """How a process ended, by the exit code that multiprocessing gives it."""
    if code >= 0:
        return f"its process ended itself, with exit code {code}"
    number = -code
    name = {s.value: s.name for s in signal.Signals}.get(number, number)
    hint = ", perhaps for want of memory" if number == signal.SIGKILL else ""
    return f"its process was ended by {name} ({signal.strsignal(number)}{hint})"
