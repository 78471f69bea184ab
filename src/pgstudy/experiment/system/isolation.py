"""Call a function in a process of its own, which can die without taking us along.

The process is forked: what is imported here is there at once (torch alone takes 1.4 s).
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkProcess
from typing import Any, TextIO

from pgstudy.experiment.system.logs import log_only

FORK = multiprocessing.get_context("fork")
ENDING = (signal.SIGINT, signal.SIGTERM)
GRACE = 8.0  # seconds for a process that was asked to end
PR_SET_PDEATHSIG = 1  # prctl(2)
RETURNED, OS_ERROR = "returned", "OSError"


class Died(RuntimeError):
    """The process ended before the function did; the message says how."""


def in_child(function: Callable[[], Any], seconds: float | None = None) -> Any:
    """What the function returns, as JSON gives it back, in a process forked from here.

    The process ends with this one, however this one ends, and what it says goes to
    the log alone. After Ctrl-C or SIGTERM it is asked to end, and has `GRACE`.
    Errors: Died, also after so many seconds; OSError, if it raises it.
    """
    # in memory, and not a pipe: others that the child left may hold that open
    with os.fdopen(os.memfd_create("outcome"), "w+", encoding="utf-8") as outcome:
        child = FORK.Process(target=_call, args=(function, outcome, os.getpid()))
        late = _run(child, seconds)
        outcome.seek(0)
        text = outcome.read()
    try:
        kind, value = json.loads(text)
    except ValueError:  # it ended before it could say anything
        how = f"it took over {seconds:g} s" if late else _ending(child.exitcode or 0)
        raise Died(how) from None
    if kind == RETURNED:
        return value
    raise OSError(*value) if kind == OS_ERROR else RuntimeError(value)


def _run(child: ForkProcess, seconds: float | None) -> bool:
    """Wait until a process ends, and end it after so many seconds: true if it was."""
    try:
        with _deaf():
            child.start()
        child.join(seconds)
        return child.is_alive()
    except BaseException:  # Ctrl-C or SIGTERM
        if child.pid is not None:
            child.terminate()
            child.join(GRACE + 1)
        raise
    finally:
        if child.pid is not None:
            child.kill()
            child.join()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait: what they raise amid a fork, Python would ignore."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _call(function: Callable[[], Any], outcome: TextIO, parent: int) -> None:
    """The child: never returns."""
    try:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        end_with(parent)
        log_only()
        faulthandler.enable(2)
        text = json.dumps(_outcome(function))
        outcome.write(text)
        outcome.flush()
    except BaseException:  # a log on a full disk
        traceback.print_exc()
    finally:
        os._exit(0)  # no exit handlers, and nobody left behind is waited for


def end_with(parent: int) -> None:
    """This process ends with the one that started it, however that one ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        os._exit(1)


def _outcome(function: Callable[[], Any]) -> tuple[str, Any]:
    try:
        outcome: tuple[str, Any] = RETURNED, function()
    except OSError as error:
        outcome = OS_ERROR, [error.errno, error.strerror, str(error.filename or "")]
    except BaseException:
        outcome = "raised", traceback.format_exc()
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
