"""How often each interval covers the truth: `python -m benchmarks.coverage`.

It prints the tables of `analysis.statistics.coverage` in Markdown, with the numbers
that it finds; those over batches alone with the argument `batches`.
"""

import functools
import sys

import numpy as np
import pandas as pd

from benchmarks import gradient_coverage
from pgstudy.analysis.statistics import comparisons, intervals
from pgstudy.analysis.statistics.coverage import (
    DATA,
    KINDS,
    OF_BATCHES,
    OF_SEEDS,
    SEEDS,
)
from pgstudy.analysis.statistics.improvement import probability_of_improvement
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.tables import thresholds
from pgstudy.analysis.tables.tuning import learning_rate_slope

REPETITIONS = 3000
BATCH_REPETITIONS = 1500
LARGE = 1_000_000  # values that stand for the truth
CAP = 2.0  # of times to the threshold
THRESHOLD = 0.5  # of the share of runs above it
RATES, BEST = np.arange(-2, 3), 0.3  # a grid of step sizes, the best off the grid
COUNTS = 1, 4, 16


def sample(data, generator, n):
    """Values of n seeds."""
    if data == "normal":
        return generator.normal(size=n)
    if data == "log-normal":
        return generator.lognormal(size=n)
    return (generator.random(n) < 0.2).astype(float)


def strata(data, generator, n):
    """Two environments of other scale and place."""
    return [sample(data, generator, n), 2 * sample(data, generator, n) + 1]


def better(data, generator, n):
    """Values of a cell that is better than `sample`."""
    if data == "two-valued":
        return 1 - sample(data, generator, n)
    return sample(data, generator, n) + 1


def wider(data, generator, n):
    """Values that spread three times as far about the same median."""
    middle = {"normal": 0, "log-normal": 1, "two-valued": 0}[data]
    return 3 * (sample(data, generator, n) - middle) + middle


def of_mean(*drawn):
    return intervals.mean([*drawn])


def of_welch(one, two):
    return Interval(*comparisons.welch(one, two)[:3])


def of_share(values):
    return intervals.share(int((values > THRESHOLD).sum()), len(values))


def of_slope(*areas):
    """areas: one more seed's worth per N and step size."""
    rows = []
    noise = iter(areas)
    for n in COUNTS:
        for rate in RATES:
            seeds = next(noise)
            columns = {"seed": np.arange(len(seeds)), "n": n}
            area = seeds - (rate - BEST) ** 2
            columns |= {"learning_rate": n * 2.0**rate, "area": area}
            rows.append(pd.DataFrame(columns))
    return learning_rate_slope(pd.concat(rows))


def single(data, generator, n):
    return [sample(data, generator, n)]


def grid(data, generator, n):
    return [sample(data, generator, n) for _ in range(len(COUNTS) * len(RATES))]


def beside(other):
    """Samples of two cells, one of them of `other`."""
    return lambda data, *how: [other(data, *how), sample(data, *how)]


# what is drawn, and the interval of it
SIMULATED = {
    "mean": (single, of_mean),
    "strata": (strata, of_mean),
    "iqm": (single, lambda values: intervals.interquartile([values])),
    "gap": (strata, lambda *scores: comparisons.optimality_gap(scores)),
    "cut": (single, lambda times: thresholds.restricted_mean(times, CAP)),
    "median": (single, intervals.median),
    "share": (single, of_share),
    "welch": (beside(better), of_welch),
    "improvement": (beside(better), probability_of_improvement),
    "improvement, spreads 3 : 1": (beside(wider), probability_of_improvement),
    "slope": (grid, of_slope),
    **gradient_coverage.SIMULATED,
}


@functools.cache
def truth(kind, data):
    """The estimate of a very large sample; of the slope it is known."""
    if kind == "slope":
        return 1.0
    draw, interval = SIMULATED[kind]
    drawn = draw(data, np.random.default_rng(1), LARGE)
    if kind.startswith("improvement"):  # pairs, not all of their products
        one, two = drawn
        return float(((one > two) + 0.5 * (one == two)).mean())
    return interval(*drawn).estimate


def coverage(kind, data, n, repetitions):
    """Share of intervals, of those that are not NaN, that hold the truth; or NaN."""
    draw, interval = SIMULATED[kind]
    true, generator = truth(kind, data), np.random.default_rng(n)
    found = [interval(*draw(data, generator, n)) for _ in range(repetitions)]
    made = [f for f in found if not np.isnan(f.low)]
    held = [f.low <= true <= f.high for f in made]
    return float(np.mean(held)) if made else np.nan


def measured(table, kind, column, repetitions=REPETITIONS):
    """Coverage in percent for each simulation of a column."""
    repetitions = repetitions // 20 if kind == "slope" else repetitions
    simulations = table.columns[column]
    if kind == "variance slope":  # each is of every N
        simulations = [(data, n) for data, n in simulations if data[1] == 1]
    return [100 * coverage(kind, data, n, repetitions) for data, n in simulations]


def over_seeds():
    print(f"| interval | method | data | {' | '.join(f'{n} seeds' for n in SEEDS)} |")
    print("|---" * (3 + len(SEEDS)) + "|")
    for name, kind in KINDS.items():
        for data in DATA:
            shown = [f"{c:.1f}" for c in measured(OF_SEEDS, name, data)]
            shown = ["–" if text == "nan" else text for text in shown]
            print(f"| {kind.of} | {kind.method} | {data} | {' | '.join(shown)} |")
            sys.stdout.flush()


def over_batches():
    """The smallest and the largest over N."""
    print(f"| {' | '.join(OF_BATCHES.header)} |")
    print("|---" * len(OF_BATCHES.header) + "|")
    for name, kind in OF_BATCHES.kinds.items():
        found = [
            measured(OF_BATCHES, name, column, BATCH_REPETITIONS)
            for column in OF_BATCHES.columns
        ]
        shown = " | ".join(f"{min(one):.1f} to {max(one):.1f}" for one in found)
        print(f"| {kind.of} | {kind.method} | {shown} |")
        sys.stdout.flush()


if __name__ == "__main__":
    if "batches" not in sys.argv:
        over_seeds()
        print()
    over_batches()
