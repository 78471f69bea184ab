"""`pgstudy` commands, called in the tests' own process; signals for others."""

import contextlib
import io
import signal
import sys
import warnings

import pytest

from pgstudy.cli import main
from tests.conftest import ROOT


def pgstudy(*arguments, cwd=ROOT):
    """(exit code, what it said, warnings too); an exception is the test's.

    A process of its own would spend seconds on imports.
    """
    said, handler = io.StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        warnings.catch_warnings(record=True, action="default") as warned,
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(SystemExit) as end,
    ):
        patch.setattr(sys, "argv", ["pgstudy", *map(str, arguments)])
        main()
    signal.signal(signal.SIGTERM, handler)
    return end.value.code or 0, said.getvalue() + "".join(map(str, warned))


def interruptible():
    """A shell's background jobs are deaf to SIGINT, and their children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
