"""What differs on a file system that several machines share: its troubles, its locks,
its clock.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import filelock

TROUBLE = {errno.ESTALE, errno.EIO, errno.ETIMEDOUT}  # of the disk, not of a file
PAUSES = (0.2, 1.0, 3.0)
Content = TypeVar("Content")


def patiently(read: Callable[[], Content]) -> Content | None:
    """What `read` returns; None if the file is not there or can't be read.

    A server that was restarted answers with errors for a while: it is asked again, and
    its error is never taken for a damaged file. Errors: OSError, one of `TROUBLE`.
    """
    for pause in PAUSES:
        try:
            return read()
        except OSError as error:
            if error.errno not in TROUBLE:
                return None
            time.sleep(pause)
    try:
        return read()
    except OSError as error:
        if error.errno in TROUBLE:
            raise
        return None


def lock_of(path: Path, timeout: float = -1) -> filelock.FileLock:
    """A lock that the kernel lets go of when its process ends.

    timeout: seconds to wait for it; without end if it is negative.

    Where the file system has none, an error: one that a kill leaves behind would be
    worse.
    """
    return filelock.FileLock(path, timeout, fallback_to_soft=False)


def file_system_time(folder: Path) -> int:
    """Now, in ns since 1970, as a folder's file system stamps it; 0 if it does not.

    Over a network that is the server's clock, and not this machine's.
    """
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_ctime_ns
    return 0
