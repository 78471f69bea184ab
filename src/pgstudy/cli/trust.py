"""Can it be made again? Verification, capsules, this machine, and what to remove."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from filelock import Timeout

from pgstudy.cli.common import RESULTS, StudyFile, UserError, app, opened, with_outputs
from pgstudy.experiment.store.digests import record
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import file_digest
from pgstudy.experiment.system.shared_disk import lock_of

capsule_app = typer.Typer(
    help="Pack a study into one file, or check such a file.", no_args_is_help=True
)
app.add_typer(capsule_app, name="capsule")


@app.command()
def verify(study_file: StudyFile) -> None:
    """Train a sample of runs and make all files again; compare every bit."""
    from pgstudy.analysis.reproduce.verification import verify as again

    found = with_outputs(again, study_file)
    print(f"verified: {found.summary}")
    if found.faults:
        raise UserError("not what was made before:\n  " + "\n  ".join(found.faults))


@capsule_app.command("pack")
def pack_capsule(study_file: StudyFile) -> None:
    """Pack config, code, lock, runs and results into capsule.zip, an RO-Crate."""
    from pgstudy.analysis.reproduce.capsule import CantBePacked, pack

    if places.INSTALLED:
        raise UserError(
            "a capsule holds the project's code and lock file, which this wheel has "
            "not; in a checkout of the same version call\n"
            "  snakemake capsule --cores 1 --directory FOLDER --configfile FILE\n"
            "with the folder and the file of this study: it trains nothing again"
        )
    try:
        made = pack(opened(study_file))
    except CantBePacked as error:
        raise UserError(f"no capsule was packed: {error}") from None
    record(made.parent, "capsule", {made.name: file_digest(made)})
    print(f"capsule: {made}")


@capsule_app.command("check")
def check_capsule(file: Annotated[Path, typer.Argument(help="capsule.zip")]) -> None:
    """Verify every checksum of a capsule and derive its tables once more."""
    from pgstudy.analysis.reproduce.capsule_check import check
    from pgstudy.analysis.reproduce.unpacking import DamagedCapsule

    try:
        print(check(file))
    except DamagedCapsule as error:
        raise UserError(str(error)) from None


@app.command()
def doctor(study_file: StudyFile) -> None:
    """Compare this machine with the one that a study's runs were made on."""
    from pgstudy.experiment.store.differences import from_this_machine

    folder = opened(study_file)
    runs = folder.runs
    others = [run for run in runs if not run.is_complete()]
    complete, name = len(runs) - len(others), folder.study.name
    print(f"{name}: {complete} of {len(runs)} runs are here, current and sound")
    damaged = [(run.name, files) for run in others if (files := run.damaged())]
    for one, files in damaged:
        print(f"{one}: {files} is damaged")
    if damaged:  # maybe without any sign of it that planning looks for
        print(f"after rm results/{places.INDEX}, snakemake trains them again")
    lines = from_this_machine(runs)
    for line in lines or ["they were made on a machine like this one"]:
        print(line)


@app.command()
def prune(
    config: Annotated[
        list[Path] | None,
        typer.Option(help="also keep what this file asks for", exists=True),
    ] = None,
    results: Path = RESULTS,
    yes: Annotated[bool, typer.Option("--yes", help="remove them")] = False,
) -> None:
    """List the runs that no study asks for; with --yes, remove them.

    Studies are those of the files in config/ and of each results/<study>/study.json.
    """
    from pgstudy.experiment import pruning

    files = _study_files(config or [])
    try:
        asked = pruning.wanted(files, Store(results))
        with _no_call_at_work(results):
            stale = pruning.stale(asked)
            if yes:
                pruning.remove(stale)
    except pruning.Unreadable as error:
        raise UserError(f"nothing is removed: {error}") from None
    for label, why in asked.environments.items():
        print(f"all runs of {label} are kept: {why}", file=sys.stderr)
    verb = "removed" if yes else "no study asks for them; --yes removes them"
    print(*stale, f"{len(stale)} runs: {verb}", sep="\n")


def _study_files(named: list[Path]) -> list[Path]:
    files = [*sorted(Path("config").rglob("*.yaml")), *named]
    if not files:
        raise UserError(
            "there is no config/ here; call this in the project's folder, or name the "
            "files of your studies by --config"
        )
    return files


@contextmanager
def _no_call_at_work(results: Path) -> Iterator[None]:
    try:
        with lock_of(results / places.CALL_LOCK).acquire(blocking=False):
            yield
    except Timeout:
        raise UserError(
            "a snakemake call works on results/; wait till it ends"
        ) from None
