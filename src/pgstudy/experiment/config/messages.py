"""A study's config file: one spelling of numbers, and every fault found at once."""

from __future__ import annotations

import contextlib
import difflib
import functools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import yaml

from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.system.places import ROOT

if TYPE_CHECKING:
    import jsonschema

SCHEMA_FILE = ROOT / "workflow" / "schemas" / "config.schema.yaml"
TEXT_KEYS = {"study", "register", "id", "name", "baseline", "schedule", "published"}
TEXT_KEYS |= {"source", "item", "note", "why", "label", "estimator", "environment"}
MAX_CHARACTERS = 100_000  # the config travels to jobs on one command line
QUOTED = 60
BOUNDS = {
    "minimum": "too small; the least is {}",
    "exclusiveMinimum": "too small; it must be above {}",
    "exclusiveMaximum": "too large; it must be below {}",
    "maximum": "too large; the most is {}",
    "maxLength": "too long; the most is {} characters",
}
NUMBER = re.compile(r"(?=.{1,40}$)[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
POWER = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\^(-?\d{1,3})")
EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,3}")


@functools.cache
def schema() -> dict[str, Any]:
    """The schema that describes every setting."""
    data: dict[str, Any] = yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))
    return data


def normalise(value: Any, key: str = "", parent: str = "") -> Any:
    """Give every number one spelling: 1e-3, "0.001" and 0.001 become 0.001, 2.0 is 2.

    A power may be written as one: 2^-12.

    YAML reads 1e-3 as text, and Snakemake's --config hands list items on as text.
    Text stays text under keys that hold text; an environment's kwargs stay as they are.
    """
    if isinstance(value, Mapping):
        if key == "kwargs" and parent == "environments":
            return dict(value)
        return {str(k): normalise(v, str(k), key) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [normalise(item, key, key) for item in value]
    if isinstance(value, str) and key not in TEXT_KEYS:
        value = _number(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _number(text: str) -> Any:
    if NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    if power := POWER.fullmatch(text):
        with contextlib.suppress(ArithmeticError):  # then it stays text, and a fault
            return float(power[1]) ** int(power[2])
    return text


def examine(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Normalise a config and hold it against the schema.

    Returns the config, its sound part (keys with a fault left out, entries of the two
    lists with a fault replaced by None) and the faults. Defaults are not filled in: a
    cell's settings come from several places.
    """
    config: dict[str, Any] = normalise(raw)
    sound, faults = dict(config), []
    odd = list(_odd_values(config))
    for path, fault in odd:
        faults.append(f"{where(path)}: {fault}")
        _leave_out(sound, path)
    for error in _errors(config, schema()):
        faults += _messages(error)
        _leave_out(sound, list(error.absolute_path))
    if not odd and len(canonical_json(config)) > MAX_CHARACTERS:
        cure = "give seeds as a count"
        faults.append(f"the config is over {MAX_CHARACTERS} characters; {cure}")
    return config, sound, faults


def faults_of_form(data: Any, rules: Mapping[str, Any]) -> list[str]:
    """What a JSON schema has against the data, a readable line per fault."""
    odd = [f"{where(path)}: {fault}" for path, fault in _odd_values(data)]
    return odd + [line for error in _errors(data, rules) for line in _messages(error)]


def _errors(data: Any, rules: Mapping[str, Any]) -> list[jsonschema.ValidationError]:
    import jsonschema  # late: training jobs need this module and not that one

    found = jsonschema.Draft202012Validator(rules).iter_errors(data)
    return sorted(found, key=lambda error: list(map(str, error.path)))


def _leave_out(sound: dict[str, Any], path: list[str | int]) -> None:
    if len(path) > 1 and path[0] in ("environments", "estimators") and path[0] in sound:
        entries = sound[path[0]]
        sound[path[0]] = [None if i == path[1] else e for i, e in enumerate(entries)]
    elif path:
        sound.pop(str(path[0]), None)


def _odd_values(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[list[str | int], str]]:
    """What has no meaning as JSON, or would not mean what its writer thinks."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield [*path, str(key)], "the key is not text; put it in quotes"
            yield from _odd_values(item, (*path, str(key)))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _odd_values(item, (*path, i))
    else:
        yield from _odd_leaf(value, path)


def _odd_leaf(
    value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[list[str | int], str]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield list(path), f"{value} is not a finite number"
    elif isinstance(value, str) and "kwargs" in path and EXPONENT.fullmatch(value):
        yield list(path), f"YAML reads {value} as text; write {float(value)}"
    elif not isinstance(value, str | int | float | None):
        kind = type(value).__name__
        yield (
            list(path),
            f"{short(str(value))} is a {kind}, not a number, text, list or table",
        )


def where(path: Iterable[str | int]) -> str:
    """How messages name a place in a config: environments[0].kwargs."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{short(part)}"
    return text.lstrip(".") or "the config"


def _messages(error: jsonschema.ValidationError) -> list[str]:
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
