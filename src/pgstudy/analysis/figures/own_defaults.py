"""matplotlib's own defaults, whatever settings of a user lie about."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"  # a server has no screen, whatever the shell says
os.environ["SOURCE_DATE_EPOCH"] = "0"  # no dates inside files


@contextlib.contextmanager
def read_at_import() -> Iterator[None]:
    """Import matplotlib inside of this.

    It reads the first of several files `matplotlibrc`, and the user's styles, when it
    is imported, and fails where one of them is damaged. The first place is the working
    folder, so for a moment that is the one with the defaults; the folder for styles
    and for the list of fonts is one of our own.
    """
    found = importlib.util.find_spec("matplotlib")
    assert found is not None and found.origin is not None
    before = os.environ.get("MPLCONFIGDIR")
    parent = before or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    own = os.path.abspath(os.path.join(os.path.expanduser(parent), "pgstudy"))
    os.environ["MPLCONFIGDIR"] = own
    try:
        with contextlib.chdir(Path(found.origin).parent / "mpl-data"):
            yield
    finally:
        os.environ.pop("MPLCONFIGDIR", None)
        if before is not None:
            os.environ["MPLCONFIGDIR"] = before
