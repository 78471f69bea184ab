"""Which kind of parallel environments a specification asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgstudy.learning.environments.parallel.base import ParallelEnvironments
from pgstudy.learning.environments.parallel.environment_list import EnvironmentList
from pgstudy.learning.environments.parallel.envpool import EnvpoolEnvironments
from pgstudy.learning.environments.parallel.vector import VectorizedEnvironments
from pgstudy.learning.environments.registry import load_code
from pgstudy.learning.specification import EnvironmentSpecification

Make = Callable[[EnvironmentSpecification, Sequence[int]], ParallelEnvironments]
KINDS: dict[bool | str, Make] = {
    False: EnvironmentList,
    True: VectorizedEnvironments,
    "envpool": EnvpoolEnvironments,
}


def make_parallel(
    specification: EnvironmentSpecification, seeds: Sequence[int]
) -> ParallelEnvironments:
    """One environment per seed. Errors: UnusableEnvironment."""
    load_code(specification)
    return KINDS[specification.vectorize](specification, seeds)
