"""pgstudy: what does a policy-gradient estimate from N trajectories buy?

For a notebook: `load_study` reads a study's runs, `load_policy` a trained policy, and
`CantBeLoaded` says why one of them can't be.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pgstudy.learning import dispatch

if TYPE_CHECKING:
    from pgstudy.analysis.notebook.errors import CantBeLoaded
    from pgstudy.analysis.notebook.policies import load_policy
    from pgstudy.analysis.notebook.studies import load_study

__all__ = ["CantBeLoaded", "load_policy", "load_study"]

dispatch.pin()  # before numpy and torch are imported

# Imported when they are asked for: pandas and torch take seconds.
_HOMES = {
    "CantBeLoaded": "errors",
    "load_policy": "policies",
    "load_study": "studies",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"pgstudy.analysis.notebook.{_HOMES[name]}")
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
