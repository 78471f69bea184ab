"""A study up to its runs: check, plan, train, progress."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pgstudy.cli.common import (
    RESULTS,
    UserError,
    app,
    with_outputs,
)
from pgstudy.experiment import cluster
from pgstudy.experiment.cluster_jobs import read_blocks
from pgstudy.experiment.config.loading import load_study, read_config
from pgstudy.experiment.config.reference import settings_table
from pgstudy.experiment.config.schema import schema
from pgstudy.experiment.planning import read_chosen
from pgstudy.experiment.provenance import user_code
from pgstudy.experiment.store import archive
from pgstudy.experiment.store.digests import recording
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.study.cell import Block, rivals
from pgstudy.experiment.study.jobs import AT_ONCE, described, packed
from pgstudy.experiment.study.study_file import STUDY_FILE, Plan, write_plan
from pgstudy.experiment.system.files import write_json


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="a config file")],
    jobs: Annotated[int, typer.Option(min=1, help="of a cluster, at once")] = AT_ONCE,
) -> None:
    """Check a config file and say what it asks for; nothing is run."""
    study = read_config(config)
    cells, tuning = study.cells, study.tune_seeds
    runs = f"{len(cells) * len(study.seeds)} runs"
    if tuning:
        reported = len(rivals(cells)) * len(study.seeds)
        runs = f"{len(cells) * len(tuning)} runs to choose by, {reported} to report"
    print(f"{study.name}: {len(cells)} cells, {runs}")
    packs = packed(study.blocks(), study.job_minutes, jobs)
    print(f"on a cluster: {described(packs)} (docs/clusters.md)")
    for cell in study.left_out:
        print(f"left out: {cell.label}: {cell.reason}")
    own = user_code.everything(cell.specification.environment for cell in cells)
    for name, _ in own.files:
        print(f"code of its environments: {name}")


@app.command()
def settings() -> None:
    """Print the table of all settings of a config file."""
    print(settings_table(schema()))


@app.command()
def plan(
    config: Annotated[str, typer.Argument(help="a config as JSON")],
    chosen: Annotated[
        Path | None, typer.Option(help="what `pgstudy choose` wrote")
    ] = None,
    results: Path = RESULTS,
) -> None:
    """Write results/<study>/study.json, which later commands read."""
    study = load_study(_table(config))
    choices = None if chosen is None else read_chosen(chosen)
    with recording(results / study.name, "plan"):
        write_plan(results / study.name / STUDY_FILE, Plan(study, choices))


def _table(text: str) -> dict[str, Any]:
    """What the workflow's rules hand on as JSON. Errors: UserError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"that is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise UserError("that is no table in JSON")
    return data


@app.command()
def choose(
    study_file: Annotated[Path, typer.Argument(help="of the tuning study")],
    output: Annotated[Path, typer.Argument(help="chosen.json")],
) -> None:
    """Choose a learning rate for each environment, estimator and N."""
    from pgstudy.analysis.choose import chosen

    data = with_outputs(chosen, study_file)
    with recording(output.parent, "choose"):
        write_json(output, data)


@app.command()
def train(
    block: Annotated[str, typer.Argument(help="a block of runs as JSON")],
    trained: Annotated[
        Path | None,
        typer.Argument(help="what the cluster's job of the block left", exists=True),
    ] = None,
    results: Path = RESULTS,
) -> None:
    """Train the runs of a block that are missing, and write its manifest.

    Runs of a job without this disk are taken from its archive.
    """
    try:
        wanted = Block.from_dict(_table(block))
    except (KeyError, TypeError) as error:
        raise UserError(f"that is no block of runs: {error!r}") from None
    store = Store(results)
    if trained is not None and trained.suffix == archive.ENDING:
        _take(store, wanted, trained)
    else:
        _train(store, [wanted])
    store.settle(wanted)


@app.command()
def train_blocks(
    file: Annotated[Path, typer.Argument(help="results/jobs/<job>.json")],
    output: Annotated[
        Path | None, typer.Argument(help="an archive, where no disk is shared")
    ] = None,
) -> None:
    """Train the blocks of a cluster's job, one after the other.

    Into an archive come the runs that failed, too: who takes them from it says so.
    """
    try:
        blocks = read_blocks(file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} names no blocks of runs: {error!r}") from None
    if output is None:
        _train(Store(file.parents[1]), blocks)
        return
    store = Store(RESULTS)
    try:
        _train(store, blocks)
    except UserError as error:
        print(error, file=sys.stderr)
    archive.pack((run for block in blocks for run in store.runs(block)), output)


@app.command()
def check_lock(results: Path = RESULTS) -> None:
    """Say whether the lock of a snakemake call is held, seen from here."""
    print(cluster.probe(results))


def _train(store: Store, blocks: list[Block]) -> None:
    """Train what is missing. Errors: UserError, after all, if runs failed."""
    failed: list[Run] = []
    for block in blocks:
        if store.missing(block):
            from pgstudy.experiment.training.block import train_block  # imports torch

            failed += train_block(store, block)
    _say_if_failed(failed, sum(len(block.seeds) for block in blocks))


def _take(store: Store, block: Block, file: Path) -> None:
    """Take runs from an archive. Errors: UserError, after all, if runs failed."""
    try:
        failed = archive.unpack(store, store.runs(block), file)
    except ValueError as error:
        raise UserError(str(error)) from None
    _say_if_failed(failed, len(block.seeds))


def _say_if_failed(failed: list[Run], of: int) -> None:
    if failed:
        places = ", ".join(str(run.folder / "run.json") for run in failed)
        raise UserError(
            f"{len(failed)} of {of} runs failed; the others are kept, these are "
            f"tried again next time. Tracebacks: {places}"
        )


@app.command()
def progress(
    results: Path = RESULTS,
    follow: Annotated[
        bool, typer.Option("--follow", help="until the snakemake call ends")
    ] = False,
) -> None:
    """Say how far the study is, and each run that is training."""
    from pgstudy.experiment.progress import live

    if follow:
        live.follow(results, sys.stderr)
    else:
        print("\n".join(live.lines(results)))
