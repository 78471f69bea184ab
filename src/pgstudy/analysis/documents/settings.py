"""The settings of a config file, from its schema, as one Markdown table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Rule = Mapping[str, Any]


def settings_table(schema: Rule) -> str:
    """A row per setting: key, what it may be, its default, one sentence."""
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    shared = schema["$defs"]["settings"]["properties"]
    for key, rule in schema["properties"].items():
        parts = _flat({key: rule}) if "properties" in rule else [(key, rule)]
        rows += [_row(name, part, _value(schema, part)) for name, part in parts]
        entry = rule.get("items", {}).get("properties", {})
        own = {k: r for k, r in entry.items() if k not in shared}
        rows += [_row(f"{key}[].{k}", r, _value(schema, r)) for k, r in _flat(own)]
    for key, rule in _flat(shared):
        rows.append(_row(f"*settings*.{key}", rule, _value(schema, rule)))
    return "\n".join(rows)


def _flat(properties: Rule, prefix: str = "") -> Iterator[tuple[str, Rule]]:
    for key, rule in properties.items():
        if rule.get("type") == "object" and "properties" in rule:
            yield from _flat(rule["properties"], f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", rule


def _row(key: str, rule: Rule, value: str) -> str:
    default = f"`{_word(rule['default'])}`" if "default" in rule else ""
    return f"| `{key}` | {value} | {default} | {rule['description']} |"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(schema: Rule, rule: Rule) -> str:
    reference = rule.get("$ref")
    if reference == "#/$defs/settings":
        return "*settings*"
    if reference:
        kind, name = reference.split("/")[1:]
        return _value(schema, schema[kind][name])
    if "enum" in rule:
        return ", ".join(f"`{_word(word)}`" for word in rule["enum"])
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    names = {"object": "table", "array": "list", "string": "text"}
    names["boolean"] = "`true` or `false`"
    text = " or ".join(names.get(kind, str(kind)) for kind in kinds)
    if "minimum" in rule:
        text += f", from {rule['minimum']}"
    if "exclusiveMinimum" in rule:
        text += f", above {rule['exclusiveMinimum']}"
    if "exclusiveMaximum" in rule:
        text += f" and below {rule['exclusiveMaximum']}"
    return text + (f" to {rule['maximum']}" if "maximum" in rule else "")
