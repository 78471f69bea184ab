"""Trainings that take turns: each wants a batch, learns from it, and wants the next."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from pgstudy.learning.divergence import sampled
from pgstudy.learning.policies.distributions import PolicyOverflow
from pgstudy.learning.results import Training
from pgstudy.learning.rollouts.batch import Batch, joined

Outcome = Batch | PolicyOverflow
Course = Generator[None, Outcome, Training]
"""A training that is sent a batch, or that there is none, whenever it yields."""


def batches(count: int) -> Generator[None, Outcome, Batch]:
    """Want so many batches, one after the other; they are joined. Errors: Stopped."""
    found = []
    for _ in range(count):
        found.append(sampled((yield)))
    return joined(found)


def drive(
    courses: Sequence[Course],
    play: Callable[[Sequence[int]], Sequence[tuple[int, Outcome]]],
) -> Iterator[tuple[int, Training]]:
    """What each course returns, as soon as it ends, with its position.

    `play` is told which courses want their next batch, by position, and gives the
    batches that are there, of these or of those that wanted theirs before.
    """
    outcomes: Sequence[tuple[int, Any]] = [(i, None) for i in range(len(courses))]
    going = len(courses)
    try:
        while going:
            fresh = []
            for position, outcome in outcomes:
                try:
                    courses[position].send(outcome)  # None starts a course
                    fresh.append(position)
                except StopIteration as end:
                    going -= 1
                    yield position, end.value
            outcomes = play(fresh) if going else ()
    finally:
        for course in courses:
            course.close()
