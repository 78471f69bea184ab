"""What a person who reads results is told."""

from __future__ import annotations


class CantBeLoaded(ValueError):
    """A study or a policy that can't be read; the message says why and what to do."""
