"""Train a block of runs and write each into the store.

One after the other, each in a process of its own that its environment may take along.
Where runs share the lanes of a vectorized environment, they are trained side by side
first, in one process; what that leaves is trained one after the other.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

import filelock

from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store.runs import Run, Store
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.system.isolation import Died, in_child
from pgstudy.experiment.training.attempt import Attempt
from pgstudy.experiment.training.ending import Ending, Interrupted
from pgstudy.learning import dispatch
from pgstudy.learning.rollouts.sampling import at_once
from pgstudy.learning.training import train, train_together

UNPINNED = (
    "these runs have the bits of this processor alone: numpy or torch was imported "
    "before pgstudy, or the processor lacks AVX2"
)


def train_block(store: Store, block: Block) -> list[Run]:
    """Train the runs of a block that are not complete. Returns those that failed.

    A run that another process trains is waited for. Errors: OSError.
    """
    if dispatch.state() == dispatch.AS_FOUND:
        print(UNPINNED, file=sys.stderr)
    failed, missing = [], store.missing(block)
    describe()  # once for all runs of the block
    count = at_once(block.cell.specification)
    for first in range(0, len(missing), count) if count > 1 else ():
        _train_group(store, missing[first : first + count])
    for run in missing:
        with _held(store, run):
            if not run.is_complete() and not _train(store, run):
                failed.append(run)
    return failed


@contextlib.contextmanager
def _held(store: Store, run: Run) -> Iterator[None]:
    lock = store.lock(run)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        print(f"waiting for the process that trains {run.name}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _train(store: Store, run: Run) -> bool:
    """Train one run, from its checkpoint if there is one. False if it failed."""
    attempt = Attempt(store, run)
    trained: bool
    word: str
    with attempt.reporter:
        try:
            trained, word = in_child(lambda: _train_alone(attempt))
        except Died as death:  # the environment took its process along
            if run.is_complete():  # its numbers were saved before that
                return True
            trained, word = False, attempt.fail(death)
    if word:
        print(word, file=sys.stderr)
    return trained


def _train_alone(attempt: Attempt) -> tuple[bool, str]:
    """Train and save a run. Returns whether it is complete, and what to say of it."""
    attempt.begin(ending := Ending(runs=1))
    specification, seed = attempt.run.cell.specification, attempt.run.seed
    try:
        with contextlib.chdir(os.getcwd()):  # back, wherever an environment goes
            after, snapshot = attempt.after_update, attempt.snapshot
            training = train(specification, seed, snapshot, after)
    except Interrupted as interrupted:
        ending.die()  # a failure, if nobody ends the block
        return False, attempt.fail(interrupted)
    except BaseException as error:  # an environment may raise anything, to SystemExit
        return False, attempt.fail(error)
    return True, attempt.complete(training)


def _train_group(store: Store, runs: Sequence[Run]) -> None:
    """Train runs side by side, but those that another process trains.

    A run that fails is still missing then.
    """
    with contextlib.ExitStack() as stack:
        mine = [run for run in runs if _taken(store, run, stack)]
        if len(mine) < 2:
            return
        attempts = [Attempt(store, run, share=1 / len(mine)) for run in mine]
        for attempt in attempts:
            stack.enter_context(attempt.reporter)
        try:
            word = in_child(lambda: _train_side_by_side(attempts))
        except Died as death:
            word = f"{death}; the runs that it trained side by side are trained alone"
        if word:
            print(word, file=sys.stderr)


def _taken(store: Store, run: Run, stack: contextlib.ExitStack) -> bool:
    """Whether the run is to be trained, and by nobody else; its lock is held then."""
    try:
        stack.enter_context(store.lock(run).acquire(blocking=False))
    except filelock.Timeout:
        return False
    return not run.is_complete()


def _train_side_by_side(attempts: Sequence[Attempt]) -> str:
    """Train and save runs of one cell. Returns what to say of them."""
    ending = Ending(len(attempts))
    for attempt in attempts:
        attempt.begin(ending)
    words = []
    try:
        for position, training in train_together(
            attempts[0].run.cell.specification,
            [attempt.run.seed for attempt in attempts],
            [attempt.snapshot for attempt in attempts],
            [attempt.after_update for attempt in attempts],
        ):
            words.append(attempts[position].complete(training))
    except Interrupted:
        ending.die()
    except Exception as error:
        words.append(f"{error}; what is left of the block is trained one by one")
    return "\n".join(filter(None, words))
