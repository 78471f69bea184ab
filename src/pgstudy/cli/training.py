"""Training: the commands of the workflow's jobs, and a look into one run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pgstudy.cli.common import RESULTS, UserError, app, table_of
from pgstudy.experiment import cluster
from pgstudy.experiment.cluster_jobs import read_blocks
from pgstudy.experiment.store import archive
from pgstudy.experiment.store.record import COMPLETE, read_record
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.system.files import write_atomically


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


@app.command()
def watch(
    run: Annotated[Path, typer.Argument(help="a run's folder below results/runs")],
    update: Annotated[
        list[int] | None, typer.Option(min=1, help="from 1; may be repeated")
    ] = None,
    output: Annotated[Path, typer.Option(help="the page")] = Path("watch.html"),
) -> None:
    """Write a page that goes through updates of a small run, step by step."""
    from pgstudy.analysis.lesson.capture import CantBeShown, capture, require_same
    from pgstudy.analysis.lesson.page import page
    from pgstudy.learning.specification import RunSpecification

    record = read_record(run)
    if record is None or record.status not in COMPLETE:
        where = "results/runs/<environment>/<estimator>/N<N>/seed<seed>-<key>"
        raise UserError(f"{run} is no complete run's folder, such as {where}")
    last = record.updates
    wanted = sorted(set(update or [1, max(1, last // 10), max(1, last // 2), last]))
    if wanted[-1] > last:
        raise UserError(f"the run has {last:,} updates, and none {wanted[-1]:,}")
    try:
        specification = RunSpecification.from_dict(record.specification)
        found = capture(specification, record.seed, wanted)
        require_same(run, found)
    except CantBeShown as error:
        raise UserError(f"{run.name} can't be shown: {error}") from None
    _write(output, page(record, found))
    print(f"watch: {output}")


def _write(output: Path, text: str) -> None:
    try:
        write_atomically(output, lambda p: p.write_text(text, "utf-8"))
    except OSError as error:
        raise UserError(f"can't write {output}: {error.strerror}") from None
