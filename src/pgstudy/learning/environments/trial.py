"""Whether an environment can be used: what it does in one reset and one step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from pgstudy.learning.environments.actions import Kind
from pgstudy.learning.environments.faults import (
    EnvironmentFault,
    UnusableEnvironment,
    as_number,
)
from pgstudy.learning.environments.global_generators import seeded
from pgstudy.learning.environments.layers import (
    Environment,
    VectorEnvironment,
    forgets,
    layers,
)
from pgstudy.learning.environments.making import make, make_envpool, make_vector
from pgstudy.learning.environments.registry import registered
from pgstudy.learning.environments.spaces import Layout, layout
from pgstudy.learning.specification import EnvironmentSpecification

SEED = 2**62  # as large as training's may be: some environments refuse it
STEP = ("observation", "reward", "terminated", "truncated", "info")
CURE = "write it for Gymnasium's interface, reset(*, seed=None, options=None)"
CURE += f" -> observation, info and step(action) -> {', '.join(STEP)}"


def check(specification: EnvironmentSpecification) -> Layout:
    """Make the environment, look at its spaces, and take one step in it.

    Errors: UnusableEnvironment, for an id that is unknown or outdated, a package that
    is not installed, keyword arguments that it refuses, spaces without a policy, a
    vector environment that it does not have, or what `try_out` finds.
    """
    registered(specification.id)
    with seeded(np.random.SeedSequence(0)):
        environment, stepped = _made(specification)
        try:
            found = layout(environment.observation_space, environment.action_space)
            _require_plain(specification, found)
            _require_forgetful(specification, environment)
            if stepped is not None:
                try_out(stepped, found)
            return found
        finally:
            for made in (environment, stepped):
                with contextlib.suppress(Exception):
                    if made is not None:
                        made.close()


def _require_plain(specification: EnvironmentSpecification, found: Layout) -> None:
    """Errors: UnusableEnvironment if `vectorize` can't be had."""
    cure = "leave out 'vectorize'"
    if specification.vectorize and specification.wrappers:
        cause = "wrappers are applied to single environments"
        raise UnusableEnvironment(f"{cause}; {cure}")
    if specification.vectorize and found.composed:
        cause = "observations of several parts are flattened one by one"
        raise UnusableEnvironment(f"{cause}; {cure}")


def _require_forgetful(
    specification: EnvironmentSpecification, environment: Environment
) -> None:
    """Errors: UnusableEnvironment if a wrapper of Gymnasium's that a config names may
    bring something from one episode to the next: there is no state of it to save.
    """
    for layer in layers(environment)[: len(specification.wrappers or ())]:
        kind = type(layer)
        known = kind.__module__.startswith("gymnasium.")
        if known and isinstance(layer, gymnasium.Wrapper) and not forgets(layer):
            cause = f"the wrapper {kind.__name__} may remember earlier episodes"
            cure = "which no checkpoint could save; leave it out"
            if kind.__name__ == "NormalizeObservation":
                cure += ", policy.normalise_observations does the same"
            raise UnusableEnvironment(f"{cause}, {cure}")


def _made(
    specification: EnvironmentSpecification,
) -> tuple[Environment, Environment | VectorEnvironment | None]:
    """One environment, and what a run will step."""
    try:
        environment = make(specification)
        return environment, _stepped(specification, environment)
    except UnusableEnvironment:
        raise
    except (Exception, SystemExit) as error:  # a constructor may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise UnusableEnvironment(f"it can't be made: {reason}") from None


def _stepped(
    specification: EnvironmentSpecification, environment: Environment
) -> Environment | VectorEnvironment | None:
    """What a run will step; None for envpool's, whose form is known."""
    if specification.vectorize is True:
        return make_vector(specification, 1)
    if specification.vectorize == "envpool":
        make_envpool(specification, [0]).close()
        return None
    return environment


def try_out(environment: Any, layout: Layout) -> None:
    """Reset an environment, or a vector environment of one, and take a step.

    Errors: UnusableEnvironment, for what it raises and what no training can use.
    """
    shape, reset = environment.observation_space.shape, environment.reset
    observation, _ = _called("reset", 2, lambda: reset(seed=SEED))
    _require_fit(observation, shape, "reset", layout)
    action = _first_action(environment, layout.actions)
    observation, reward, *ends, _ = _called("step", 5, lambda: environment.step(action))
    _require_fit(observation, shape, "step", layout)
    try:
        if not np.isfinite(as_number(reward)):
            raise UnusableEnvironment(f"its step gives the reward {reward}")
        for name, end in zip(STEP[2:4], ends, strict=True):
            if np.size(end) != 1:
                raise UnusableEnvironment(f"its step gives {end!r} for {name}")
    except EnvironmentFault as fault:
        raise UnusableEnvironment(str(fault)) from None


def _first_action(environment: Any, actions: Kind) -> Any:
    if isinstance(environment, gymnasium.vector.VectorEnv):
        return actions.outward(actions.first())
    return actions.each(actions.first())[0]


def _called(name: str, count: int, call: Callable[[], Any]) -> tuple[Any, ...]:
    """What reset or step gives: `count` values."""
    try:
        found = call()
    except (Exception, SystemExit) as error:  # an environment may raise anything
        reason = f"its {name} raised {type(error).__name__}: {error}"
        if isinstance(error, TypeError) and "argument" in str(error):
            reason += f"; {CURE}"
        if isinstance(error, ValueError) and "eed" in str(error):
            reason += "; seeds have 63 bits, a wrapper may take what it needs of them"
        raise UnusableEnvironment(reason) from None
    if not isinstance(found, tuple) or len(found) != count:
        given = f"{len(found)} values" if isinstance(found, tuple) else "one value"
        raise UnusableEnvironment(
            f"its {name} gives {given} and must give {count}; {CURE}"
        )
    return found


def _require_fit(
    observation: Any, shape: tuple[int, ...] | None, name: str, layout: Layout
) -> None:
    """Errors: UnusableEnvironment if it is no finite observation of its space."""
    if layout.composed:
        _require_written(observation, name, layout)
        return
    try:
        array = np.asarray(observation, np.float64)
    except (TypeError, ValueError):
        found = type(observation).__name__
        raise UnusableEnvironment(f"its {name} gives a {found} to observe") from None
    if array.shape != shape:
        wrong = f"an observation of shape {array.shape}, and its space says {shape}"
        raise UnusableEnvironment(f"its {name} gives {wrong}")
    _require_written(array.item() if layout.one_hot else array, name, layout)


def _require_written(observation: Any, name: str, layout: Layout) -> None:
    """Errors: UnusableEnvironment if a policy can't be shown it as finite numbers."""
    row = np.empty(layout.inputs)
    try:
        layout.write(observation, row)
    except EnvironmentFault as fault:
        raise UnusableEnvironment(str(fault)) from None
    if not np.isfinite(row).all():
        raise UnusableEnvironment(f"its {name} gives a non-finite observation")
