"""Runs whose process is no more: why it ended is said once, and kept in run.json."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pgstudy.experiment.progress.states import Progress, not_running
from pgstudy.experiment.store.record import INTERRUPTED, Provenance
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.system import slurm


def settle(folders: Sequence[StudyFolder]) -> list[str]:
    """Record runs that were cut short, of studies below one results folder.

    Returns a line for each cause.
    """
    causes: Counter[str] = Counter()
    lost = not_running(folders[0].store.results)
    runs = _by_key(folders) if lost else {}
    for file, state in lost.items():
        run = runs.get(state.key)
        if run is None:
            continue
        with contextlib.suppress(OSError):
            if not run.is_complete():
                causes[_record(run, state)] += 1
            file.unlink()
    return [f"{_runs(count)} interrupted: {cause}" for cause, count in causes.items()]


def _by_key(folders: Sequence[StudyFolder]) -> dict[str, Run]:
    return {
        run.key: run
        for folder in folders
        for block in folder.study.blocks()
        for run in folder.store.runs(block)
    }


def _record(run: Run, state: Progress) -> str:
    """Write why a run was cut short. Returns that. Errors: OSError."""
    record = run.record()
    if record is None or record.status != INTERRUPTED:
        made = Provenance(made_by={}, started=state.started)
        record = run.recorded(made, INTERRUPTED)
    if state.job:
        reason = slurm.why_it_ended(state.job, state.rss_mb)
    elif state.interrupted:
        reason = record.reason or ""
    else:
        reason = f"its process ({state.pid} on {state.host}) was killed"
    run.write_record(replace(record, reason=reason, host=state.host, job=state.job))
    return reason


def _runs(count: int) -> str:
    return "1 run was" if count == 1 else f"{count} runs were"
