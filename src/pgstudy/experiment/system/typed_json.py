"""JSON data as dataclasses, if every value is of the type that is declared for it.

A number stays as it is written, 1 or 1.0: keys and digests are made of its text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import cattrs

T = TypeVar("T")

QUOTED = 60  # characters of a value that is wrong


def converter(forbid_extra_keys: bool) -> cattrs.Converter:
    """Knows the types of JSON; more may be registered."""
    made = cattrs.Converter(
        forbid_extra_keys=forbid_extra_keys, detailed_validation=False
    )
    for kind in (bool, int, str):
        made.register_structure_hook(kind, only(kind))
    made.register_structure_hook(float, only(int, float))
    return made


def structured(by: cattrs.Converter, data: Any, kind: type[T]) -> T:
    """A dataclass from JSON data. Errors: ValueError."""
    try:
        return by.structure(data, kind)
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
    except (AttributeError, TypeError, cattrs.errors.CattrsError) as error:
        raise ValueError(str(error)) from None


def only(*types: type) -> Callable[[Any, Any], Any]:
    """A hook that takes values of these types alone, and leaves them as they are."""

    def checked(value: Any, _: Any) -> Any:
        if type(value) not in types:
            shown = repr(value)[:QUOTED]
            raise TypeError(f"{shown} is not of type {types[-1].__name__}")
        return value

    return checked
