"""Tables -> figures.

matplotlib reads settings when it is imported, and fails where a file of them is
damaged. So it is imported here, before any other module of the package is, with its
own defaults, whatever settings of a user lie about.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"  # a server has no screen, whatever the shell says
os.environ["SOURCE_DATE_EPOCH"] = "0"  # no dates inside files


def _import_matplotlib() -> None:
    """With the working folder that of its defaults: the first place where it looks.

    The folder for styles and for the list of fonts is one of our own.
    """
    found = importlib.util.find_spec("matplotlib")
    assert found is not None and found.origin is not None
    before = os.environ.get("MPLCONFIGDIR")
    parent = before or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    own = os.path.abspath(os.path.join(os.path.expanduser(parent), "pgstudy"))
    os.environ["MPLCONFIGDIR"] = own
    try:
        with contextlib.chdir(Path(found.origin).parent / "mpl-data"):
            importlib.import_module("matplotlib.pyplot")
    finally:
        os.environ.pop("MPLCONFIGDIR", None)
        if before is not None:
            os.environ["MPLCONFIGDIR"] = before


_import_matplotlib()
