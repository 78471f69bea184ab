"""Every interval over seeds that is printed: how it is made, and how often it covers.

Measured by `python -m benchmarks.coverage`, which prints this table with the numbers
that it finds; a test measures them again and fails where one is off by two points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DATA = ("normal", "log-normal", "two-valued")  # 80 % and 20 %
SEEDS = (3, 5, 10, 20)
NOMINAL = 95  # percent
CLOSE = 2  # points that are as good as none


@dataclass(frozen=True)
class Kind:
    """An interval: of what, by which method, and its coverage for each kind of data.

    covers: percent, the smallest and the largest over SEEDS, of the intervals that are
    not NaN.
    """

    of: str
    method: str
    covers: Mapping[str, tuple[int, int]]

    def text(self, data: str) -> str:
        """The coverage for one kind of data, in words."""
        low, high = self.covers[data]
        if low >= NOMINAL - CLOSE and high <= NOMINAL + CLOSE:
            return f"{NOMINAL} %"
        return f"{low} %" if low == high else f"{low} to {high} %"


def _kind(of: str, method: str, *covers: tuple[int, int]) -> Kind:
    return Kind(of, method, dict(zip(DATA, covers, strict=True)))


KINDS = {
    "mean": _kind(
        "mean of a cell: final return, area, curves, score",
        "Student's t", (94, 96), (83, 87), (93, 100),
    ),
    "strata": _kind(
        "mean score of several environments",
        "t, Satterthwaite's degrees of freedom", (95, 96), (86, 88), (93, 100),
    ),
    "gap": _kind(
        "optimality gap", "the same, of max(1 - score, 0)",
        (93, 94), (91, 94), (94, 100),
    ),
    "cut": _kind(
        "mean way to the threshold, cut", "Student's t", (94, 95), (90, 95), (93, 100),
    ),
    "iqm": _kind(
        "interquartile mean", "t of winsorised values (Tukey and McLaughlin 1963)",
        (93, 94), (91, 93), (100, 100),
    ),
    "median": _kind(
        "median: score, way to the threshold", "sign test; none below 5 runs",
        (94, 98), (94, 98), (100, 100),
    ),
    "share": _kind(
        "share of runs: profiles, stuck runs", "Clopper and Pearson (1934)",
        (98, 100), (98, 99), (98, 100),
    ),
    "welch": _kind(
        "difference of two means", "Welch's t", (95, 96), (97, 98), (92, 100),
    ),
    "improvement": _kind(
        "probability of improvement", "inverted exact rank test",
        (96, 98), (95, 98), (98, 100),
    ),
    "improvement, spreads 3 : 1": _kind(
        "the same, one cell spread three times as far", "inverted exact rank test",
        (94, 100), (94, 100), (99, 100),
    ),
    "slope": _kind(
        "slope of the best step size on N",
        "bootstrap over seeds, wider by half a step of the grid",
        (100, 100), (100, 100), (100, 100),
    ),
}  # fmt: skip
RULE = (
    "How often the 95 % intervals over seeds cover, measured in simulations of 3, 5, "
    "10 and 20 seeds: 95 % is within two points; two-valued is 80 % and 20 %. Few "
    "seeds of skewed returns are covered less often. One seed has no interval, and "
    "neither have seeds whose values are all equal: they say nothing of the spread."
)


def table() -> list[dict[str, str]]:
    """A row per kind, for the reports."""
    return [
        {"of": kind.of, "method": kind.method}
        | {data: kind.text(data) for data in DATA}
        for kind in KINDS.values()
    ]
