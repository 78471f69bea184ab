"""What is made of a study's runs, step by step, and what code each step rests on.

A step reads the run store or what earlier steps wrote, and records what it writes
(`experiment.store.digests`). Some are made in parts (`analysis.common.parts`), with a
record each. The workflow's rules make them one by one, `make_all` makes all of them: a
partial report, or what `snakemake verify` compares.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from pgstudy.analysis.common.parts import part_name, parts
from pgstudy.experiment.provenance.identity import code_digest
from pgstudy.experiment.store.digests import recording
from pgstudy.experiment.store.study_folder import StudyFolder

OTHERS = ("choose", "track")  # what they make is no product of the analysis
RUNS = tuple(f"experiment/{p}" for p in ("system", "provenance", "study", "store"))


@dataclass(frozen=True)
class Step:
    """`entry`: the function that makes it, as module:name below pgstudy.

    `packages`: folders and modules below src/pgstudy that are its own. `reads`: the
    steps whose output it reads. tests/test_architecture.py holds that it imports
    nothing but these, what runs rest on (`RUNS`), and learning/.
    """

    entry: str
    packages: tuple[str, ...]
    reads: tuple[str, ...] = ()


def _analysis(*names: str) -> tuple[str, ...]:
    return tuple(f"analysis/{name}" for name in names)


# The order is one in which they can be made.
STEPS = {
    "tables": Step(
        "analysis.tables.step:tables", _analysis("common", "statistics", "tables")
    ),
    "choose": Step(
        "analysis.choose:chosen",
        _analysis("outputs.py", "choose.py"),
        reads=("tables",),
    ),
    "track": Step(
        "experiment.tracking.upload:sync",
        ("experiment/tracking", "experiment/progress"),
    ),
    "measure": Step(
        "analysis.gradients.step:measure",
        _analysis("common", "statistics", "gradients"),
    ),
    "gradients": Step(
        "analysis.gradients.step:gradients",
        _analysis("common", "gradients"),
        reads=("measure",),
    ),
    "law": Step(
        "analysis.law.step:law",
        _analysis("outputs.py", "law"),
        reads=("tables", "gradients"),
    ),
    "comparison": Step(
        "analysis.claims.comparison:comparison",
        _analysis("common", "statistics", "gradients", "claims"),
    ),
    "claims": Step(
        "analysis.claims.step:claims",
        _analysis("outputs.py", "claims"),
        reads=("tables", "gradients", "law"),
    ),
    "proofs": Step("analysis.proofs.step:proofs", _analysis("common", "proofs")),
    "figures": Step(
        "analysis.figures.step:figures",
        _analysis("outputs.py", "figures"),
        reads=("tables", "gradients", "law"),
    ),
    "paper": Step(
        "analysis.report.latex:paper",
        _analysis("outputs.py", "figures", "report"),
        reads=("tables", "comparison", "law"),
    ),
    "recordings": Step(
        "analysis.recordings.step:recordings",
        _analysis("outputs.py", "recordings"),
        reads=("tables",),
    ),
    "report": Step(
        "analysis.report.step:report",
        _analysis("outputs.py", "charts", "report"),
        reads=(
            *("tables", "gradients", "law", "comparison"),
            *("claims", "proofs", "figures", "recordings"),
        ),
    ),
}


def packages(step: str) -> set[str]:
    """All that a step is made again after an edit of, below src/pgstudy.

    Its packages, and those of the steps that it reads from, since their code may read
    again what it wrote. An edit in learning/ gives runs other keys.
    """
    mine = STEPS[step]
    return {*RUNS, *mine.packages}.union(*(packages(name) for name in mine.reads))


def digest(step: str) -> str:
    """SHA-256 of all that code: a parameter of the step's rule."""
    return code_digest(*packages(step))


def make(step: str, folder: StudyFolder, *part: str) -> None:
    """Make a step, or one of its parts, and record what was written.

    On one thread, however many there are: products are added up in another order by
    more.
    """
    module, _, name = STEPS[step].entry.partition(":")
    function: Callable[..., None]
    function = getattr(importlib.import_module(f"pgstudy.{module}"), name)
    with threadpool_limits(1):
        for one in [part] if part else parts(step, folder.study):
            with recording(folder.path, part_name(step, one)):
                function(folder, *one)


def make_all(folder: StudyFolder) -> None:
    """Make every step of the analysis, from what runs there are."""
    for step in STEPS:
        if step not in OTHERS:
            make(step, folder)
