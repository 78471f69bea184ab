"""Users' own estimators and networks, called once before any run.

Each is tried in a process of its own, which can't take this one along or hang it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.specification import (
    Credit,
    EstimatorSpecification,
    PolicySpecification,
)

SECONDS = 60  # for a function to be called a few times
_answers: dict[str, str] = {}  # by what was asked


def estimator_fault(
    how: EstimatorSpecification, n: int = 4, promised: Credit | None = None
) -> str:
    """Why an estimator can't be used for N trajectories; empty if it can."""
    from pgstudy.learning.trials.weights import check

    return _fault(lambda: check(how, n, promised))


def network_fault(policy: PolicySpecification, layout: Layout) -> str:
    """Why a network can't be used for an environment; empty if it can.

    Asked once for both: the cells of a study have few.
    """
    spaces = repr(layout.observations), repr(layout.actions)
    asked = canonical_json([asdict(policy), spaces])
    if asked not in _answers:
        _answers[asked] = _network_fault(policy, layout)
    return _answers[asked]


def _network_fault(policy: PolicySpecification, layout: Layout) -> str:
    def attempt() -> None:  # torch, which takes 1.4 s, is imported there alone
        from pgstudy.learning.trials.networks import check

        check(policy, layout)

    return _fault(attempt)


def _fault(check: Callable[[], None]) -> str:
    def attempt() -> str:
        try:
            check()
        except (ValueError, UnusableEnvironment) as error:
            return str(error)
        except SystemExit as error:
            return f"it ends the process: SystemExit: {error}"
        return ""

    try:
        reason: str = in_child(attempt, SECONDS)
    except Died as death:
        return f"called a few times, {death}"
    return reason
