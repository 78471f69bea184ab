"""Every interval that is printed: how it is made, and how often it covers.

Measured by `python -m benchmarks.coverage`, which prints these tables with the numbers
that it finds; a test measures them again and fails where one is off by two points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DATA = ("normal", "log-normal", "two-valued")  # 80 % and 20 %
SEEDS = (3, 5, 10, 20)
BATCHES = (50, 200, 1000)  # 1,000 are measured by default
TRAJECTORIES = (1, 4, 16, 64)  # N
NOMINAL = 95  # percent
CLOSE = 2  # points that are as good as none

Simulations = Sequence[tuple[Any, int]]  # data, and how many seeds or batches

SEED_COLUMNS: Mapping[str, Simulations] = {
    data: [(data, n) for n in SEEDS] for data in DATA
}
BATCH_COLUMNS: Mapping[str, Simulations] = {
    "normal": [(("normal", n), count) for count in BATCHES for n in TRAJECTORIES]
} | {
    f"log-normal, {count:,} batches": [(("log-normal", n), count) for n in TRAJECTORIES]
    for count in BATCHES
}


@dataclass(frozen=True)
class Kind:
    """An interval: of what, by which method, and its coverage by the table's column.

    covers: percent, the smallest and the largest over what the column was simulated
    for, of the intervals that are not NaN.
    """

    of: str
    method: str
    covers: Mapping[str, tuple[int, int]]

    def text(self, column: str) -> str:
        """The coverage in one column, in words."""
        low, high = self.covers[column]
        if low >= NOMINAL - CLOSE and high <= NOMINAL + CLOSE:
            return f"{NOMINAL} %"
        return f"{low} %" if low == high else f"{low} to {high} %"


@dataclass(frozen=True)
class Table:
    """The intervals over one unit; columns: what each is simulated for."""

    columns: Mapping[str, Simulations]
    kinds: Mapping[str, Kind]
    rule: str

    @property
    def header(self) -> list[str]:
        """Of `rows`."""
        return ["interval", "method", *self.columns]

    def rows(self) -> list[list[str]]:
        """A row of texts per kind, for the reports."""
        return [
            [kind.of, kind.method, *(kind.text(column) for column in self.columns)]
            for kind in self.kinds.values()
        ]


def _kind(of: str, method: str, *covers: tuple[int, int]) -> Kind:
    return Kind(of, method, dict(zip(SEED_COLUMNS, covers, strict=True)))


def _gradient(of: str, method: str, *covers: tuple[int, int]) -> Kind:
    return Kind(of, method, dict(zip(BATCH_COLUMNS, covers, strict=True)))


KINDS = {
    "mean": _kind(
        "mean of a cell: final return, area, curves, score",
        "Student's t",
        (94, 96),
        (83, 87),
        (93, 100),
    ),
    "strata": _kind(
        "mean score of several environments",
        "t, Satterthwaite's degrees of freedom",
        (95, 96),
        (86, 88),
        (93, 100),
    ),
    "gap": _kind(
        "optimality gap",
        "the same, of max(1 - score, 0)",
        (93, 94),
        (91, 94),
        (94, 100),
    ),
    "cut": _kind(
        "restricted mean time to the threshold",
        "Student's t",
        (94, 95),
        (90, 95),
        (93, 100),
    ),
    "iqm": _kind(
        "interquartile mean",
        "t of winsorised values (Tukey and McLaughlin 1963)",
        (93, 94),
        (91, 93),
        (100, 100),
    ),
    "median": _kind(
        "median: score, time to the threshold",
        "sign test; none below 5 runs",
        (94, 98),
        (94, 98),
        (100, 100),
    ),
    "share": _kind(
        "share of runs: profiles, stuck runs",
        "Clopper and Pearson (1934)",
        (98, 100),
        (98, 99),
        (98, 100),
    ),
    "welch": _kind(
        "difference of two means",
        "Welch's t",
        (95, 96),
        (97, 98),
        (92, 100),
    ),
    "improvement": _kind(
        "probability of improvement",
        "inverted exact rank test",
        (96, 98),
        (95, 98),
        (98, 100),
    ),
    "improvement, spreads 3 : 1": _kind(
        "the same, one cell spread three times as far",
        "inverted exact rank test",
        (94, 100),
        (94, 100),
        (99, 100),
    ),
    "slope": _kind(
        "slope of the best learning rate on N",
        "bootstrap over seeds, wider by half a step of the grid",
        (100, 100),
        (100, 100),
        (100, 100),
    ),
}
GRADIENT_KINDS = {
    "variance": _gradient(
        "variance; noise scale, where the reference is exact",
        "Hall (1992)",
        (93, 96),
        (86, 92),
        (87, 94),
        (88, 95),
    ),
    "variance ratio": _gradient(
        "ratio of two estimators' variances",
        "paired t of deviations, in logarithms",
        (92, 96),
        (73, 89),
        (82, 93),
        (91, 95),
    ),
    "variance slope": _gradient(
        "slope of variance on N",
        "Hall's bounds of logarithms, added as squares",
        (94, 95),
        (86, 86),
        (90, 90),
        (91, 91),
    ),
    "cosine": _gradient(
        "cosine to the reference",
        "Student's t",
        (87, 96),
        (87, 94),
        (92, 95),
        (94, 96),
    ),
    "along": _gradient(
        "component along an exact grad J",
        "Student's t",
        (94, 96),
        (91, 96),
        (94, 96),
        (94, 95),
    ),
    "along, sampled": _gradient(
        "component along a sampled grad J",
        "Fieller (1954)",
        (92, 96),
        (92, 97),
        (94, 96),
        (94, 96),
    ),
    "noise scale": _gradient(
        "noise scale, where the reference is sampled",
        "bounds of logarithms, added as squares",
        (94, 96),
        (95, 96),
        (91, 95),
        (91, 94),
    ),
    "ends": _gradient(
        "ratio of noise scales, end over start",
        "bounds of logarithms, added as squares",
        (94, 97),
        (96, 98),
        (94, 96),
        (92, 95),
    ),
}
OF_SEEDS = Table(
    SEED_COLUMNS,
    KINDS,
    "How often the 95 % intervals over seeds cover, measured in simulations of 3, 5, "
    "10 and 20 seeds: 95 % is within two points; two-valued is 80 % and 20 %. Few "
    "seeds of skewed returns are covered less often. One seed has no interval, and "
    "neither have seeds whose values are all equal: they say nothing of the spread.",
)
OF_BATCHES = Table(
    BATCH_COLUMNS,
    GRADIENT_KINDS,
    "How often the 95 % intervals over batches of the gradient measurements cover, "
    "the smallest and the largest of simulations with N = 1, 4, 16 and 64, for normal "
    "gradients of 50, 200 and 1,000 batches, and for log-normal ones, whose tails are "
    "as heavy as the corridor's. They say nothing of other seeds.",
)


def tables(gradients: bool) -> list[Table]:
    """What a report prints; gradients: whether the study measures them."""
    return [OF_SEEDS, OF_BATCHES] if gradients else [OF_SEEDS]
