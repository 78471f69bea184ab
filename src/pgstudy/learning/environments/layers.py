"""An environment as layers: itself, and the wrappers around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
from gymnasium import spaces
from numpy.random import Generator

Environment = gymnasium.Env[Any, Any]
VectorEnvironment = gymnasium.vector.VectorEnv[Any, Any, Any]
Layer = Environment | VectorEnvironment

KNOWN = ("gymnasium.envs.", "pgstudy.")  # where environments have no such memory
FORGETFUL = {
    "Autoreset",
    "ClipAction",
    "ClipReward",
    "DelayObservation",
    "DiscretizeAction",
    "DiscretizeObservation",
    "DtypeObservation",
    "FilterObservation",
    "FlattenObservation",
    "FrameStackObservation",
    "GrayscaleObservation",
    "OrderEnforcing",
    "PassiveEnvChecker",
    "RepeatAction",
    "RescaleAction",
    "RescaleObservation",
    "ReshapeObservation",
    "ResizeObservation",
    "StickyAction",
    "TimeAwareObservation",
    "TimeLimit",
}
"""Those of `gymnasium.wrappers` that bring nothing from one episode to the next.

Read in version 1.4. Not among them: running statistics (NormalizeObservation,
NormalizeReward, RecordEpisodeStatistics), a buffer that no reset empties
(MaxAndSkipObservation), a user's function (Transform...), pictures and converters.
"""


def layers(environment: Any) -> list[Any]:
    """From the outermost wrapper to the environment itself."""
    found = [environment]
    while isinstance(found[-1], gymnasium.Wrapper | gymnasium.vector.VectorWrapper):
        found.append(found[-1].env)
    return found


def forgets(layer: Layer) -> bool:
    """Whether a layer is known to bring nothing from one episode to the next."""
    kind = type(layer)
    if {"reset", "step"} & set(vars(layer)):
        return False  # it was patched
    if kind.__module__.startswith(KNOWN):
        return True
    name = kind.__name__
    return name in FORGETFUL and kind is getattr(gymnasium.wrappers, name)


def generator_states(environment: Layer) -> list[Any]:
    """The states of all generators of an environment."""
    return [found.bit_generator.state for found in _generators(environment)]


def set_generator_states(environment: Layer, states: list[Any]) -> None:
    """The inverse of `generator_states`."""
    for found, state in zip(_generators(environment), states, strict=True):
        found.bit_generator.state = state


def _generators(environment: Layer) -> list[Generator]:
    """Those of an environment and of the spaces of all its layers."""
    found = [environment.unwrapped.np_random]
    for space in _spaces(environment):
        found += _of_space(space)
    return found


def seed_spaces(environment: Layer, seed: int) -> None:
    """Some environments draw from their spaces."""
    for space in _spaces(environment):
        space.seed(seed)


def _spaces(environment: Layer) -> list[spaces.Space[Any]]:
    """Those of all layers, each once."""
    names = ["action_space", "observation_space"]
    if isinstance(environment, gymnasium.vector.VectorEnv):
        names += ["single_action_space", "single_observation_space"]
    found = [getattr(layer, n) for layer in layers(environment) for n in names]
    return list({id(space): space for space in found}.values())


def _of_space(space: spaces.Space[Any]) -> Iterator[Generator]:
    yield space.np_random
    inner = getattr(space, "spaces", ())
    for part in inner.values() if isinstance(inner, dict) else inner:
        yield from _of_space(part)
