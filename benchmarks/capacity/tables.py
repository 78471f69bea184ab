"""The tables of docs/capacity.md, from measured.json and simulated.json."""

from __future__ import annotations

import numpy as np

from benchmarks.capacity.page import (
    MEASURED,
    SIMULATED,
    number,
    read,
    size,
    table,
    time,
)
from benchmarks.capacity.simulate import start_seconds

ORDERS = [10**k for k in range(2, 7)]
NODES = (10, 100, 1000)
PER_BLOCK, BLOCK_OF = 3, 5  # files of a block, and its runs where they are short
STORES = {"sqlite": "SQLite", "postgresql": "a server on PostgreSQL"}
CALLS = {
    "none_made": "plan, none made",
    "hashed": "plan, all made, hashed for the first time",
    "all_made": "plan, all made",
}
COLUMNS = {  # of the simulation
    "runs": "{runs:,}",
    "nodes": "{nodes:,}",
    "`--jobs`": "{at_once:,}",
    "`job_minutes`": "{minutes}",
    "jobs taken a second": "{rate:.0f}",
    "trouble": "{trouble}",
    "jobs": "{jobs:,}",
    "hours": "{hours:.2f}",
    "nodes train": "{use:.0%}",
    "starts": "{starts:.1%}",
    "trained again": "{lost:.2%}",
    "jobs cut short": "{cut}",
    "runs left": "{left}",
}


def made():
    """Which code and processor the numbers are of."""
    parts = {}
    for name, fact in read(MEASURED)["made"].items():
        parts.setdefault((fact["commit"], fact["cpu"]), []).append(f"`{name}`")
    return "\n".join(
        f"- {', '.join(names)}: commit {commit}, {cpu}"
        for (commit, cpu), names in sorted(parts.items())
    )


def costs():
    """What a run, a job and an entry cost."""
    measured = read(MEASURED)
    rows = [*_of_runs(measured), *_of_jobs(measured)]
    for key, name in STORES.items():
        entry = measured["entries"][key]
        said = f"{number(entry['cpu'])} CPU-s, {size(entry['bytes'])} of its database"
        rows.append([f"an entry in MLflow, {name}", said])
    return table(["what", "measured"], rows)


def _of_runs(measured):
    sizes, calls = measured["durations"]["sizes"], measured["operations"]
    waits = f"{number(calls['changes'])}; {number(calls['syncs'])}"
    held = f"{size(sizes['bytes'])}; {size(sizes['most_bytes'])}"
    return [
        ["a run: files and folders", number(calls["inodes"])],
        ["a run: bytes, the median and the most", held],
        ["a run: calls of the system that name its files", number(calls["all"])],
        ["of them: that change a folder; that wait for the disk", waits],
        ["a second of training: such calls", number(measured["training"]["all"])],
    ]


def _of_jobs(measured):
    start = start_seconds(measured)
    for runs, found in measured["starts"].items():
        one = found["job"] - found["training"]
        what = f"a Snakemake that begins a job, in a study of {int(runs):,} runs"
        yield [what, f"{number(one)} CPU-s"]
    yield ["a job before it trains: two of them, and imports", f"{number(start)} CPU-s"]
    yield ["memory of a job with one of them", size(1e6 * measured["memory"])]
    rate = measured["submissions"]
    yield ["jobs that Snakemake submits to an idle SLURM", f"{number(rate)} a second"]


def planning():
    """CPU-seconds and memory of calls, by the number of runs."""
    growth = read(MEASURED)["growth"]
    counts = sorted(growth, key=int)
    rows = [
        [name, *(_cpu_and_memory(growth[runs][key]) for runs in counts)]
        for key, name in CALLS.items()
    ]
    for key, name in (("keys", "config to keys"), ("jobs", "look, and pack into jobs")):
        each = [f"{number(growth[runs][key])} CPU-s" for runs in counts]
        rows.append([f"of the first: {name}", *each])
    return table(["runs", *(f"{int(runs):,}" for runs in counts)], rows)


def _cpu_and_memory(pair):
    return f"{number(pair[0])} CPU-s, {size(1e6 * pair[1])}"


def line(points, x):
    """What a straight line through measured points says; no less than the least."""
    slope, start = np.polyfit([*map(float, points)], [*points.values()], 1)
    return max(float(start + slope * x), min(points.values()))


def orders():
    """From a hundred runs to a million: measured costs, multiplied or on a line."""
    measured = read(MEASURED)
    calls, entries = measured["operations"], measured["entries"]
    rows = [
        _times("files", calls["inodes"] + PER_BLOCK / BLOCK_OF, number),
        _times("bytes of runs", measured["durations"]["sizes"]["bytes"], size),
        _times("calls that name a file", calls["all"], number),
    ]
    for key, name in (
        ("none_made", CALLS["none_made"]),
        ("all_made", CALLS["all_made"]),
    ):
        points = {runs: found[key] for runs, found in measured["growth"].items()}
        rows += _lines(name, points)
    rows += _lines("tables", measured["tables"])
    for key, name in STORES.items():
        rows.append(_times(f"upload to {name}, CPU time", entries[key]["cpu"], time))
        rows.append(_times("its database", entries[key]["bytes"], size))
    return table(["runs", *(f"{runs:,}" for runs in ORDERS)], rows)


def _times(name, each, say):
    return [name, *(say(each * runs) for runs in ORDERS)]


def _lines(name, points):
    """A row of seconds, and one of memory."""
    for which, word, say in ((0, f"{name}, CPU time", time), (1, "its memory", size)):
        found = {
            runs: pair[which] * (1e6 if which else 1) for runs, pair in points.items()
        }
        yield [word, *(say(line(found, runs)) for runs in ORDERS)]


def load():
    """Calls a second that a disk answers while so many nodes train."""
    measured = read(MEASURED)
    mean = np.mean([needed for _, needed in measured["durations"]["runs"]])
    long, each = measured["training"]["all"], measured["operations"]["all"]
    rows = [
        [f"{n:,}", number(n * long), number(n * (long + each / mean))] for n in NODES
    ]
    short = f"runs of {number(mean)} s, the mean of those recorded"
    return table(["nodes", "runs of hours", short], rows)


def cluster():
    """What the simulation says."""
    rows = []
    for found in read(SIMULATED):
        cut = sum(count for how, count in found["ends"].items() if how != "done")
        rows.append([form.format(**found, cut=cut) for form in COLUMNS.values()])
    return table([*COLUMNS], rows)


BLOCKS = {
    "made": made,
    "costs": costs,
    "planning": planning,
    "orders": orders,
    "load": load,
    "cluster": cluster,
}
