"""How a fault of form reads: where it is, what is there, and what may be."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import jsonschema

QUOTED = 60
BOUNDS = {
    "minimum": "too small; the least is {}",
    "exclusiveMinimum": "too small; it must be above {}",
    "exclusiveMaximum": "too large; it must be below {}",
    "maximum": "too large; the most is {}",
    "maxLength": "too long; the most is {} characters",
}


def where(path: Iterable[str | int]) -> str:
    """How messages name a place in a config: environments[0].kwargs."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{short(part)}"
    return text.lstrip(".") or "the config"


def faults_of(error: jsonschema.ValidationError) -> list[str]:
    """One readable line per fault."""
    place, rule = where(error.absolute_path), _rule(error)
    value = cast(Any, error.instance)
    if error.validator == "additionalProperties":
        known = list(cast(Mapping[str, Any], error.schema)["properties"])
        unknown = [key for key in value if key not in known]
        return [
            f"{place}: unknown key '{short(key)}'; {_suggest(key, known)}"
            for key in unknown
        ]
    if error.validator == "required":
        missing = [key for key in rule if key not in value]
        return [f"{place}: the key '{key}' is missing" for key in missing]
    return [f"{place}: {_phrase(error, place)}"]


def _rule(error: jsonschema.ValidationError) -> Any:
    return error.validator_value


def _phrase(error: jsonschema.ValidationError, place: str) -> str:
    shown, limit = _show(error.instance), _rule(error)
    match error.validator:
        case "type":
            cure = "; write seeds=5 for a count, seeds='[0,1]' for a list"
            return f"{shown} is not {_types(limit)}{cure if place == 'seeds' else ''}"
        case str(kind) if kind in BOUNDS:
            return f"{shown} is {BOUNDS[kind].format(limit)}"
        case "minItems" | "minProperties":
            return "it is empty; give at least one entry"
        case "enum":
            known = [v if isinstance(v, str) else json.dumps(v) for v in limit]
            return f"{shown} is not known; {_suggest(str(error.instance), known)}"
        case "pattern":
            form = cast(Mapping[str, Any], error.schema).get("form")
            return f"{shown} is not {form or f'valid here (pattern {limit})'}"
    return f"{shown}{error.message.removeprefix(repr(error.instance))[:200]}"


def _show(value: Any) -> str:
    if isinstance(value, str):
        return f"'{short(value)}'"
    return short(json.dumps(value, default=str))


def short(text: str, most: int = QUOTED) -> str:
    """A value as messages quote it, cut after so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _types(kinds: str | list[str]) -> str:
    words = {
        "integer": "a whole number",
        "number": "a number",
        "array": "a list",
        "object": "a table of keys and values",
        "string": "text (put it in quotes)",
        "boolean": "true or false",
    }
    return " or ".join(words[k] for k in ([kinds] if isinstance(kinds, str) else kinds))


def _suggest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    choice = f"did you mean '{near[0]}'? " if near else ""
    return f"{choice}known here: {', '.join(known)}"
