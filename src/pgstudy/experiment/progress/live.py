"""How far the whole study is, in words: once, or again and again while a call works."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TextIO

from pgstudy.experiment.progress.plan import read_plan
from pgstudy.experiment.progress.states import Progress, running
from pgstudy.experiment.progress.watch import Watch
from pgstudy.experiment.progress.wording import (
    fraction,
    job_line,
    seconds_of,
    stalled,
)

SECONDS = "PGSTUDY_PROGRESS_SECONDS"
BAR, CLEAR = 20, "\r\x1b[2K"
POLL, REDRAW = 0.3, 1.0
NOBODY = "no snakemake call trains here now"


def lines(results: Path) -> list[str]:
    """A line for each run that trains now, and one for the whole."""
    plan = read_plan(results)
    jobs = [job_line(job) for job in running(results)]
    if plan is None:
        return [*jobs, NOBODY]
    watch = Watch(results, plan)
    watch.look()
    return [*jobs, watch.whole()]


def follow(results: Path, out: TextIO) -> None:
    """Say how far the call is until it ends; a bar on a terminal, else few lines."""
    plan = read_plan(results)
    if plan is None:
        print(NOBODY)
        return
    watch, bar = Watch(results, plan), out.isatty()
    pause = REDRAW if bar else seconds_of(SECONDS, 30)
    due = time.monotonic() + pause
    # whoever reads this may be gone, and the files with the folder
    with contextlib.suppress(OSError):
        while watch.plan.is_at_work():
            time.sleep(POLL)
            if time.monotonic() < due:
                continue
            watch.look()
            over = watch.is_over()
            _show(watch, out, bar, over)
            if over:
                break
            out.flush()
            due = time.monotonic() + pause
        if bar:
            out.write("\n")


def _show(watch: Watch, out: TextIO, bar: bool, over: bool) -> None:
    for word in newly_stalled(watch):
        out.write(f"{CLEAR if bar else ''}{word}\n")
    if bar:
        out.write(f"{CLEAR}{_bar(watch, out)}")
    elif not over:
        out.write(f"{_line(watch)}\n")


def newly_stalled(watch: Watch) -> list[str]:
    """A line for each run that stopped moving; each is said once."""
    words = {
        job.key: f"{job.name}: {stalled(job)}" for job in watch.jobs if stalled(job)
    }
    new = [word for key, word in words.items() if key not in watch.stalled]
    watch.stalled = set(words)
    return new


def _line(watch: Watch) -> str:
    cells: dict[str, list[Progress]] = {}
    for job in watch.jobs:
        cells.setdefault(job.name.rpartition(" ")[0], []).append(job)
    return "; ".join([watch.whole(), *map(_short, cells.values())])


def _short(seeds: list[Progress]) -> str:
    """Seeds of a cell that train now; a block of them may train side by side."""
    first, shares = seeds[0], sorted(map(fraction, seeds))
    words = {said: None for job in seeds if (said := stalled(job))}
    word = f" ({', '.join(words)})" if words else ""
    if len(seeds) == 1:
        return f"{first.name} {shares[0]:.0%}{word}"
    name = first.name.rpartition(" ")[0]
    return f"{name}, {len(seeds)} seeds {shares[0]:.0%} to {shares[-1]:.0%}{word}"


def _bar(watch: Watch, out: TextIO) -> str:
    full = "#" * round(BAR * watch.share)
    columns = os.get_terminal_size(out.fileno()).columns or 80
    return f"[{full:-<{BAR}}] {_line(watch)}"[: columns - 1]
