"""Colours of N and of estimators: the same in all figures and charts of all studies."""

from __future__ import annotations

import math

# Of N = 1, 2, 4, ..., 1024: matplotlib's "plasma", from light to dark.
DOUBLINGS = (
    "#fca636", "#f58b47", "#e87059", "#d9586a", "#c6417d", "#b12a90",
    "#9613a1", "#7a02a8", "#5901a5", "#38049a", "#0d0887",
)  # fmt: skip
# Of estimators, by their place in the study: seaborn's "colorblind".
ESTIMATORS = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc",
    "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip


def of_n(n: float) -> str:
    """The colour of N trajectories; between two powers of two it is in between."""
    place = min(max(math.log2(n), 0.0), len(DOUBLINGS) - 1.0)
    below = min(int(place), len(DOUBLINGS) - 2)
    share = place - below
    pairs = zip(*map(_parts, DOUBLINGS[below : below + 2]), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
