"""Tests; the import pins the instructions that numpy and torch use."""

import pgstudy  # noqa: F401
