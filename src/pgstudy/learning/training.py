"""Train one seed, or several side by side: the bits of each are those of it alone."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pgstudy.learning.courses import drive
from pgstudy.learning.environments import global_generators
from pgstudy.learning.estimators.gradients import one_thread
from pgstudy.learning.reinforce import Snapshot, Trainer
from pgstudy.learning.results import Training
from pgstudy.learning.rollouts.sampling import training_samplers
from pgstudy.learning.rollouts.side_by_side import Player
from pgstudy.learning.rollouts.streams import Streams
from pgstudy.learning.specification import RunSpecification

AfterUpdate = Callable[[Trainer], None]


def train(
    specification: RunSpecification,
    seed: int,
    saved: Snapshot | None = None,
    after_update: AfterUpdate | None = None,
) -> Training:
    """Train one policy; the bits depend on the first two arguments alone.

    `saved` is the state of the same training to go on from; `after_update` is called
    after each update, and may take one (see `Trainer.state`). A run whose numbers get
    out of hand is returned with the status `diverged`, see also `stop_when_truncated`.
    Errors: UnusableEnvironment, EnvironmentFault.
    """
    with surroundings(specification, seed) as drawn_from:
        trainer = Trainer(specification, seed)
        if saved is not None:
            trainer.restore(saved)
        training = trainer.run(after_update)
        return replace(training, global_generators=drawn_from())


def train_together(
    specification: RunSpecification,
    seeds: Sequence[int],
    saved: Sequence[Snapshot | None],
    after_update: Sequence[AfterUpdate | None],
) -> Iterator[tuple[int, Training]]:
    """What `train` returns of each seed, as soon as it ends, with its position.

    `saved` and `after_update` are those of each. At most `sampling.at_once` seeds;
    nothing that they step draws from process-wide generators.
    Errors: UnusableEnvironment, EnvironmentFault, of whichever run.
    """
    with surroundings(specification, seeds[0]):
        samplers = training_samplers(specification, seeds)
        players = [one for one in samplers if isinstance(one, Player)]
        courses = []
        every = zip(seeds, players, saved, after_update, strict=True)
        for seed, player, snapshot, each in every:
            trainer = Trainer(specification, seed, player)
            if snapshot is not None:
                trainer.restore(snapshot)
            courses.append(trainer.course(each))
        yield from drive(courses, players[0].group.play)


@contextlib.contextmanager
def surroundings(
    specification: RunSpecification, seed: int
) -> Iterator[Callable[[], tuple[str, ...]]]:
    """What a training needs around it: one thread, and the run's own generators.

    Hands out a function that names those that have been drawn from.
    """
    stream = Streams(specification, seed).training.global_generators
    with one_thread(), warnings.catch_warnings():
        # they end the run by name; np.errstate would cost 2 us a step
        warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
        with global_generators.seeded(stream) as drawn_from:
            yield drawn_from
