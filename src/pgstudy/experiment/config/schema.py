"""A config against its schema: one spelling of numbers, every fault, and defaults."""

from __future__ import annotations

import contextlib
import functools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pgstudy.experiment.config.messages import faults_of, short, where
from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.system.places import ROOT

if TYPE_CHECKING:
    import jsonschema

FOLDER = ROOT / "workflow" / "schemas"
TEXT_KEYS = {"study", "register", "id", "name", "baseline", "schedule", "published"}
TEXT_KEYS |= {"source", "item", "note", "why", "label", "estimator", "environment"}
TEXT_KEYS |= {"weights", "network"}
WITH_KWARGS = ("environments", "estimators", "wrappers", "policy")
MAX_CHARACTERS = 100_000  # the config travels to jobs on one command line
NUMBER = re.compile(r"(?=.{1,40}$)[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
POWER = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\^(-?\d{1,3})")
EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,3}")


def schema() -> dict[str, Any]:
    """The schema that describes every setting."""
    return _read(FOLDER / "config.schema.yaml")


def published_schema() -> dict[str, Any]:
    """The schema of a file of published values."""
    return _read(FOLDER / "published.schema.yaml")


@functools.cache
def _read(file: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return data


def default(key: str) -> Any:
    """The default of a key of the config itself."""
    return schema()["properties"][key]["default"]


def defaults(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The default of each of some properties that has one."""
    return {key: rule["default"] for key, rule in rules.items() if "default" in rule}


def estimator_defaults() -> dict[str, Any]:
    """The default of each key that an estimator has of its own."""
    return defaults(schema()["properties"]["estimators"]["items"]["properties"])


def settings_defaults() -> dict[str, Any]:
    """Every default of the schema's settings, nested as in a config."""
    rules = schema()["$defs"]["settings"]["properties"]
    tables = {
        k: defaults(r["properties"]) for k, r in rules.items() if "properties" in r
    }
    return tables | defaults(rules)


def filled(key: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """A table of the config with its defaults; None if it is not there."""
    if key not in config:
        return None
    return {**defaults(schema()["properties"][key]["properties"]), **config[key]}


def normalise(value: Any, key: str = "", parent: str = "") -> Any:
    """Give every number one spelling: 1e-3, "0.001" and 0.001 become 0.001, 2.0 is 2.

    A power may be written as one: 2^-12.

    YAML reads 1e-3 as text, and Snakemake's --config hands list items on as text.
    Text stays text under keys that hold text; kwargs stay as they are.
    """
    if isinstance(value, Mapping):
        if key == "kwargs" and parent in WITH_KWARGS:
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
        faults += faults_of(error)
        _leave_out(sound, list(error.absolute_path))
    if not odd and len(canonical_json(config)) > MAX_CHARACTERS:
        cure = "give seeds as a count"
        faults.append(f"the config is over {MAX_CHARACTERS} characters; {cure}")
    return config, sound, faults


def faults_of_form(data: Any, rules: Mapping[str, Any]) -> list[str]:
    """What a JSON schema has against the data, a readable line per fault."""
    odd = [f"{where(path)}: {fault}" for path, fault in _odd_values(data)]
    return odd + [line for error in _errors(data, rules) for line in faults_of(error)]


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
