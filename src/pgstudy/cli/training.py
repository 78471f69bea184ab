"""Training: the commands of the workflow's jobs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pgstudy.cli.common import RESULTS, UserError, app, table_of
from pgstudy.experiment import cluster
from pgstudy.experiment.cluster_jobs import read_blocks
from pgstudy.experiment.store import archive
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.study.cell import Block


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
        wanted = Block.from_dict(table_of(block))
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
