"""Trainings that take turns: each wants a batch, learns from it, and wants the next."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from pgstudy.learning.policies.distributions import PolicyOverflow
from pgstudy.learning.results import Training
from pgstudy.learning.rollouts.batch import Batch

Outcome = Batch | PolicyOverflow
Course = Generator[None, Outcome, Training]
"""A training that is sent a batch, or that there is none, whenever it yields."""


def drive(
    courses: Sequence[Course], sample: Callable[[Sequence[int]], Sequence[Outcome]]
) -> Iterator[tuple[int, Training]]:
    """What each course returns, as soon as it ends, with its position.

    `sample` gives a batch for each of the courses that still want one, by position.
    """
    wanted: dict[int, Any] = dict.fromkeys(range(len(courses)))  # None starts a course
    try:
        while wanted:
            going = []
            for position, outcome in wanted.items():
                try:
                    courses[position].send(outcome)
                    going.append(position)
                except StopIteration as end:
                    yield position, end.value
            wanted = dict(zip(going, sample(going), strict=True)) if going else {}
    finally:
        for course in courses:
            course.close()
