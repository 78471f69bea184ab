"""The variance of one trajectory's gradient by source, measured at a policy."""

from __future__ import annotations

from collections.abc import Mapping

from pgstudy.analysis.gradients.samples import Probe
from pgstudy.analysis.statistics.sources import Start, by_source, start
from pgstudy.learning.specification import EstimatorSpecification

PER_START = 4  # trajectories


def split(
    probe: Probe, estimators: Mapping[str, EstimatorSpecification]
) -> dict[str, dict[str, float]]:
    """Columns of the table by estimator; none where the effort has no starts.

    Estimators whose weights depend on other trajectories are left out: theirs are no
    independent trajectories.
    """
    alone = {name: how for name, how in estimators.items() if not how.compares}
    if not probe.splits or not alone:
        return {}
    starts: dict[str, list[Start]] = {name: [] for name in alone}
    for terms in probe.from_starts(PER_START, alone):
        for name, found in starts.items():
            found.append(start(terms[name]))
    return {name: by_source(found, PER_START) for name, found in starts.items()}
