"""What float32 leaves of observations that are not standardised."""

from __future__ import annotations

import numpy as np

from pgstudy.learning.environments.spaces import Rows
from pgstudy.learning.policies.normaliser import ROUNDING

STEPS = 100  # fewer float32 numbers than this within a deviation are few


def coarse_features(rows: Rows) -> tuple[str, ...]:
    """A warning for each feature whose spread float32 does not resolve.

    That is where |mean| is so large beside the deviation that it spans fewer than
    STEPS float32 numbers. Features that never vary are none. rows: float64 [M, d].
    """
    center, spread = rows.mean(0), (rows - rows[0]).std(0)
    spacing = np.spacing(abs(center).astype(np.float32)).astype(np.float64)
    varies = spread > ROUNDING * abs(center)
    return tuple(
        f"observation {feature} is {center[feature]:.7g} +- {spread[feature]:.2g}, of "
        f"which float32 keeps steps of {spacing[feature]:.1g}; set "
        "policy.normalise_observations: true"
        for feature in np.flatnonzero(varies & (spread < STEPS * spacing))
    )
