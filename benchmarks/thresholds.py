"""How often a run is still below the threshold when the rule says it is there.

`python -m benchmarks.thresholds`. On the corridor the exact return J of every policy is
known. The rule of `analysis.tables.thresholds` stands beside the first of 100 bins.
"""

import sys

import numpy as np

from pgstudy.analysis.gradients import exact
from pgstudy.analysis.statistics import basics as statistics
from pgstudy.analysis.tables import thresholds
from pgstudy.analysis.tables.histories import History
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
)
from pgstudy.learning.training import train

STEP_SIZES = {1: 0.00025, 4: 0.001, 16: 0.004, 64: 0.016}  # of config/config.yaml
THRESHOLD, STEPS, BINS, SEEDS = -13, 50_000, 100, 40
WINDOWS = 64, 128, 256, 512


def specification(n, steps=STEPS):
    return RunSpecification(
        EnvironmentSpecification("ShortCorridor-v0", {}, 1000),
        n,
        EstimatorSpecification(),
        PolicySpecification(initial_probabilities=(0.95, 0.05)),
        OptimizerSpecification("sgd", STEP_SIZES[n], "constant"),
        Budget("env_steps", steps),
        0,
    )


def run(n, seed, steps=STEPS):
    """(history, J after each update) of one training."""
    probabilities = []

    def after_update(trainer):
        left, right = trainer.policy.parameters.flat
        probabilities.append(1 / (1 + np.exp(float(left) - float(right))))

    updates = train(specification(n, steps), seed, None, after_update).updates
    ends = np.asarray(updates["env_steps"], float)
    returns = np.asarray(updates["mean_return"], float)
    grid = np.linspace(0.001, 0.999, 999)
    model = exact.model("ShortCorridor-v0")
    known = [exact.return_at(model, 1, p) for p in grid]
    history = History(ends, ends, returns, np.zeros(len(ends)))
    return history, np.interp(probabilities, grid, known)


def by_window(history, n, trajectories):
    """Steps until the rule fires; inf for never."""
    updates = -(-max(trajectories, n) // n)
    return thresholds.reached_at(THRESHOLD, history, updates)


def by_bin(history, steps=STEPS):
    """The same by the first bin of a curve that is there."""
    edges = np.linspace(0, steps, BINS + 1)
    curve = statistics.binned(history.ends, history.returns, edges)
    found = np.flatnonzero(np.nan_to_num(curve, nan=-np.inf) >= THRESHOLD)
    return edges[found[0] + 1] if len(found) else np.inf


def below(history, exact_returns, at):
    """Whether the policy in use at that time is below the threshold."""
    updates = int(np.searchsorted(history.ends, at, side="right"))
    return bool(exact_returns[max(updates - 1, 0)] < THRESHOLD)


def main(seeds=SEEDS):
    print(
        "| N | rule | fired | J still below | median steps | steps until J is there |"
    )
    print("|---|---|---|---|---|---|")
    for n in STEP_SIZES:
        runs = [run(n, seed) for seed in range(seeds)]
        there = [h.ends[j >= THRESHOLD][:1] for h, j in runs]
        first = np.median([t[0] if len(t) else np.inf for t in there])
        rules = {"first bin": by_bin} | {
            f"{w} trajectories": lambda h, n=n, w=w: by_window(h, n, w) for w in WINDOWS
        }
        for name, rule in rules.items():
            times = [rule(history) for history, _ in runs]
            pairs = zip(runs, times, strict=True)
            fired = [below(*r, t) for r, t in pairs if np.isfinite(t)]
            print(
                f"| {n} | {name} | {len(fired)} of {seeds} | {np.mean(fired):.2f} "
                f"| {np.median(times):,.0f} | {first:,.0f} |"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
