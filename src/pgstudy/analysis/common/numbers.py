"""Numbers as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

DASH = "–"


def number(value: Any, digits: int | None = None) -> str:
    """A number for a table, 0.742, 7.42 or 74.2; a dash where there is none."""
    if value is None or pd.isna(value):
        return DASH
    if digits is None:
        digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f}"


def bounded(value: Any, low: Any, high: Any, show: Callable[[Any], str]) -> str:
    """A number with its interval behind it in brackets, where it has one."""
    if pd.isna(low):
        return show(value)
    return f"{show(value)} [{show(low)}, {show(high)}]"


def open_ended(value: Any, low: Any, high: Any, show: Callable[[Any], str]) -> str:
    """The same; where its interval has no upper end, only the lower one is known."""
    if high == math.inf:
        return f"above {show(low)}"
    return bounded(value, low, high, show)


def p_value(value: Any) -> str:
    """A p-value for a table: 0.042, or < 0.001; a dash where there is none."""
    if value is None or pd.isna(value) or value >= 0.001:
        return number(value, 3)
    return "< 0.001"


def decimals(tolerance: Any) -> int:
    """Digits that show a tenth of the tolerance; two where there is none."""
    if pd.isna(tolerance):
        return 2
    return next((d for d in range(1, 9) if tolerance >= 10.0**-d), 9) + 1


def duration(value: Any) -> str:
    """Steps or episodes until something; infinite is never."""
    return "never" if value == math.inf else steps(value)


def steps(value: Any) -> str:
    """A whole number with thousands separators; a dash where there is none."""
    return number(value, 0)
