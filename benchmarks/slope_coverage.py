"""How often the interval of the slope of variance on N holds -1, which it is.

`python -m benchmarks.slope_coverage`: the numbers of docs/design.md, at the corridor's
untrained policy.
"""

import numpy as np

from pgstudy.analysis.comparisons import log_log_slope
from pgstudy.analysis.gradient_samples import Effort, Probe
from pgstudy.analysis.gradient_statistics import Noise, Reference
from pgstudy.learning.gradients import one_thread
from pgstudy.learning.policies import saved
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
)

REPETITIONS = 20
EFFORTS = Effort(200, 10**9), Effort(1000, 100_000)
ESTIMATORS = {"total-return": EstimatorSpecification()}
RUN = RunSpecification(
    EnvironmentSpecification("ShortCorridor-v0", {}, 200),
    1,
    ESTIMATORS["total-return"],
    PolicySpecification(),
    OptimizerSpecification("sgd", 1e-4, "constant"),
    Budget("updates", 1),
    0,
)
UNUSED = Reference(np.ones(2), "of no matter to the variance")


def slope(effort, name):
    """One measurement, with random numbers of its own."""
    arrays = {k: v.numpy() for k, v in saved(Trainer(RUN, 0).policy).items()}
    probe = Probe(RUN, arrays, ESTIMATORS, effort, name)
    counts = np.array([1.0, 4.0, 16.0, 64.0])
    found = [probe.samples(int(n), list(ESTIMATORS)).estimates for n in counts]
    noises = [Noise(estimates["total-return"], UNUSED) for estimates in found]
    variances = np.array([noise.variance.estimate for noise in noises])
    return log_log_slope(counts, variances, np.array([n.variances for n in noises]))


@one_thread()
def main():
    for effort in EFFORTS:
        name = f"r{{}}{effort.batches}"
        slopes = [slope(effort, name.format(i)) for i in range(REPETITIONS)]
        held = sum(found.low <= -1 <= found.high for found in slopes)
        mean = np.mean([found.estimate for found in slopes])
        print(f"{effort.batches} batches: {held} of {REPETITIONS}, mean {mean:.2f}")


if __name__ == "__main__":
    main()
