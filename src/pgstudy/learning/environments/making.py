"""How a run makes its environments, from what is registered with the id."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, WrapperSpec, load_env_creator

from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.environments.layers import (
    KNOWN,
    Environment,
    VectorEnvironment,
    forgets,
    layers,
)
from pgstudy.learning.environments.registry import (
    entry_module,
    load_object,
    registered,
)
from pgstudy.learning.specification import EnvironmentSpecification


def make(specification: EnvironmentSpecification) -> Environment:
    """One environment, not yet seeded, in the wrappers registered with the id and in
    those of the specification.

    Its `spec` tells the step limit.
    """
    # The rollout counts the steps itself and never steps an ended episode, so the
    # checking, order and time-limit wrappers would only cost time.
    spec = _own_spec(specification)
    wrappers, spec.additional_wrappers = spec.additional_wrappers, ()
    spec.max_episode_steps = None
    made: Environment = gymnasium.make(spec, **specification.kwargs)
    for layer in reversed(layers(made)):
        if layer.spec is not None and layer.spec.max_episode_steps is None:
            layer.spec.max_episode_steps = specification.max_episode_steps
    made = _wrapped(made, wrappers) if wrappers else made
    for wrapper in specification.wrappers or ():
        made = load_object(wrapper["id"])(made, **wrapper.get("kwargs", {}))
    return made


def _wrapped(made: Environment, wrappers: tuple[WrapperSpec, ...]) -> Environment:
    """As `gymnasium.make` would: those that the entry point applied come first."""
    own = made.spec.additional_wrappers if made.spec is not None else ()
    if wrappers[: len(own)] != own:
        cure = "list the entry point's first, as gymnasium.make wants it"
        raise UnusableEnvironment(f"its entry point applies {own} already; {cure}")
    for wrapper in wrappers[len(own) :]:
        create: Any = load_env_creator(wrapper.entry_point)
        made = create(env=made, **wrapper.kwargs)  # type: ignore[arg-type]
    return made


def make_vector(specification: EnvironmentSpecification, n: int) -> VectorEnvironment:
    """The vector environment that is registered with the id, of N."""
    spec = _own_spec(specification)
    if spec.vector_entry_point is None:
        raise UnusableEnvironment(
            "no vector environment is registered with it; leave out 'vectorize'"
        )
    spec.max_episode_steps = specification.max_episode_steps
    mode = "vector_entry_point"
    return gymnasium.make_vec(spec, n, mode, **specification.kwargs)


def make_envpool(specification: EnvironmentSpecification, seeds: list[int]) -> Any:
    """envpool's environment with one per seed (each below 2^31)."""
    try:
        import envpool  # an extra; and importing it costs a second
    except ImportError:
        cure = "pip install envpool, or leave out 'vectorize'"
        raise UnusableEnvironment(f"envpool is not installed; {cure}") from None
    if specification.id not in envpool.list_all_envs():
        raise UnusableEnvironment("envpool does not have it; leave out 'vectorize'")
    return envpool.make_gymnasium(
        specification.id,
        num_envs=len(seeds),
        num_threads=1,
        seed=seeds,
        max_episode_steps=specification.max_episode_steps,
        **specification.kwargs,
    )


def resumable(
    specification: EnvironmentSpecification, made: Environment | VectorEnvironment
) -> bool:
    """Whether all that an episode hands on to the next are the generators.

    Of Gymnasium's own environments and of the corridor that is known. A function of
    somebody else's may have made them into anything, so the entry point counts, too.
    """
    spec = registered(specification.id)
    entry = spec.vector_entry_point if specification.vectorize else spec.entry_point
    return entry_module(entry).startswith(KNOWN) and all(map(forgets, layers(made)))


def _own_spec(specification: EnvironmentSpecification) -> EnvSpec:
    spec = copy.deepcopy(registered(specification.id))
    spec.disable_env_checker = True
    spec.order_enforce = False
    return spec
