"""The page of capacity, and how its numbers are said."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.pipeline import ROOT

HERE = Path(__file__).parent
MEASURED, SIMULATED = HERE / "measured.json", HERE / "simulated.json"
PAGE = ROOT / "docs/capacity.md"
BLOCK = re.compile(
    r"(<!-- capacity:begin (\w+) -->\n).*?(<!-- capacity:end -->)", re.DOTALL
)
BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
TIMES = {"s": 1, "min": 60, "h": 3600}


def read(file):
    """What a command wrote."""
    return json.loads(file.read_text("utf-8"))


def keep(file, data):
    """Write what `read` reads."""
    file.write_text(json.dumps(short(data), indent=1, sort_keys=True) + "\n", "utf-8")


def short(value):
    """Numbers to four digits."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [short(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def filled(text, blocks):
    """The page with its tables as they should be, by their names."""
    return BLOCK.sub(lambda b: f"{b[1]}\n{blocks[b[2]]()}\n\n{b[3]}", text)


def table(head, rows):
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def number(value):
    """Two or three digits of it."""
    if value < 10:
        return f"{value:.2g}"
    return f"{float(f'{value:.3g}'):,.0f}"


def in_units(value, units):
    """In the largest unit of which there is one."""
    fitting = [name for name, size in units.items() if value >= size]
    unit = fitting[-1] if fitting else next(iter(units))
    return f"{number(value / units[unit])} {unit}"


def size(value):
    """Of bytes."""
    return in_units(value, BYTES)


def time(value):
    """Of seconds."""
    return in_units(value, TIMES)
