"""A user's own estimator, by name: `weights: "module:name"`.

A function `f(rewards, mask, gamma, **kwargs)` of a batch gives the weights of its
steps: rewards [T, N], 0 after a trajectory's end; mask [T, N], True where a step was
taken; weights [T, N], or [1, N] if they are the same at each step. What it gives after
a trajectory's end does not count. Where trajectories have groups it is called for each
group.

A class is made once for a run, with the kwargs. Its objects are called as the function
is, and `state() -> {name: array or number}` and `restore(state)` say what they
remember between two updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pgstudy.learning.environments.registry import load_object
from pgstudy.learning.estimators.weights import Array, Mask
from pgstudy.learning.specification import EstimatorSpecification

KEPT = "baseline."  # before the names of what is kept beside a policy


class UnusableWeights(ValueError):
    """What a user's estimator gives can't be used; the message says why."""


class OwnWeights:
    """The weights of a user's function, or of an object of a user's class.

    Errors: UnusableEnvironment, if its module can't be imported or has no such name;
    UnusableWeights, if the object can't be made.
    """

    def __init__(self, how: EstimatorSpecification) -> None:
        self.name, self._gamma = how.weights or "", how.gamma
        found, kwargs = load_object(self.name), dict(how.kwargs or {})
        if not callable(found):
            raise UnusableWeights("it is neither a function nor a class")
        self._object: Any = None
        if isinstance(found, type):
            self._object = _made(found, kwargs)
            found, kwargs = self._object, {}
        self._function, self._kwargs = found, kwargs

    def __call__(self, rewards: Array, mask: Mask) -> Array:
        """[T, N], [T, N] -> [T, N]. Errors: UnusableWeights, or what it raises."""
        given = (_read_only(rewards), _read_only(mask))
        weights = _numbers(self._function(*given, self._gamma, **self._kwargs))
        steps, n = mask.shape
        if weights.shape not in ((steps, n), (1, n)):
            shown = list(weights.shape)
            cure = f"weights are [T, N] = [{steps}, {n}], or [1, {n}]"
            raise UnusableWeights(f"it gives numbers of the shape {shown}; {cure}")
        return np.broadcast_to(weights, mask.shape)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """See `Trainer.state`; copies. Errors: UnusableWeights."""
        if not self._remembers:
            return {}
        found = _told("state()", self._object.state)
        if not isinstance(found, Mapping):
            raise UnusableWeights("state() gives no dictionary of arrays and numbers")
        return {str(name): _array(name, value) for name, value in found.items()}

    def restore(self, saved: Mapping[str, npt.NDArray[Any]]) -> None:
        """The inverse of `state`. Errors: UnusableWeights."""
        if self._remembers:
            copies = {name: value.copy() for name, value in saved.items()}
            _told("restore(state)", lambda: self._object.restore(copies))

    def saved(self) -> dict[str, npt.NDArray[Any]]:
        """See `StepWeights`."""
        return {f"{KEPT}{name}": value for name, value in self.state().items()}

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `StepWeights`."""
        mine = {name: value for name, value in arrays.items() if name.startswith(KEPT)}
        self.restore({name.removeprefix(KEPT): value for name, value in mine.items()})

    @property
    def _remembers(self) -> bool:
        return callable(getattr(self._object, "state", None))


def _numbers(found: Any) -> Array:
    """Errors: UnusableWeights."""
    kind = type(found).__name__
    try:
        if not np.iscomplexobj(found):
            return np.asarray(found, np.float64)
    except (TypeError, ValueError):
        pass
    raise UnusableWeights(f"it gives a {kind}, not real numbers") from None


def _told(name: str, call: Callable[[], Any]) -> Any:
    """What a user's method gives; what it raises is told as a fault of it."""
    try:
        return call()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnusableWeights(f"its {name} raises {reason}") from error


def _made(found: type, kwargs: Mapping[str, Any]) -> Any:
    try:
        made: Any = found(**kwargs)
    except Exception as error:  # whatever a user's class raises
        reason = f"{type(error).__name__}: {error}"
        raise UnusableWeights(f"its object can't be made: {reason}") from error
    if not callable(made):
        cure = "define __call__(self, rewards, mask, gamma)"
        raise UnusableWeights(f"its objects can't be called; {cure}")
    both = [callable(getattr(made, name, None)) for name in ("state", "restore")]
    if any(both) and not all(both):
        raise UnusableWeights("it has one of state and restore; define both, or none")
    return made


def _array(name: Any, value: Any) -> npt.NDArray[Any]:
    found = np.array(value, order="C")
    if found.dtype.kind not in "fiub":
        raise UnusableWeights(
            f"state()['{name}'] is no array of numbers, and no number"
        )
    return found


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view that can't be written to: weights must leave the batch as it is."""
    view = array.view()
    view.flags.writeable = False
    return view
