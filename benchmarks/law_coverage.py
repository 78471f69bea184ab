"""How often the intervals of a trade-off study's law hold the truth, on synthetic runs.

    python -m benchmarks.law_coverage [STUDIES]

prints the table of docs/what-n-buys.md. Runs are gamma distributed around the law.
"""

from __future__ import annotations

import sys

import numpy as np

from pgstudy.analysis.law.censored import Point
from pgstudy.analysis.law.fit import Law, fit
from pgstudy.analysis.report.markdown import table

TRUE = Law(30.0, 700.0)
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SHAPE = 6.0  # a spread of 41 % between runs
ENOUGH, CUT = 4.0, 1.2  # caps, in mean updates: of the latter a third does not arrive


def held(runs: int, cap: float, studies: int) -> list[str]:
    """In how many percent of the studies each interval holds the truth."""
    generator = np.random.default_rng(1)
    hits = np.zeros(3)
    for _ in range(studies):
        points = []
        for n, mean in zip(COUNTS, TRUE.updates(np.array(COUNTS, float)), strict=True):
            updates = generator.gamma(SHAPE, mean / SHAPE, runs)
            updates = np.minimum(updates, cap * mean)
            points.append(Point(n, updates, cap * mean, np.empty((0, 0))))
        found = fit(points)
        true = (TRUE.s_min, TRUE.e_min, TRUE.critical_n)
        intervals = (found.s_min, found.e_min, found.critical_n)
        hits += [i.low <= t <= i.high for i, t in zip(intervals, true, strict=True)]
    return [f"{share:.1%}" for share in hits / studies]


def main() -> None:
    """Print the table."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rows = [
        [runs, name, *held(runs, cap, studies)]
        for name, cap in (("none", ENOUGH), ("about a third", CUT))
        for runs in (10, 30)
    ]
    header = "| runs at each N | do not arrive | S_min | E_min | critical N |"
    print(table(header, rows))


if __name__ == "__main__":
    main()
