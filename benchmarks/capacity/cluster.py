"""A cluster in which nodes fail and jobs are preempted, event by event; nothing trains.

A node holds one job at a time. Of the product are the jobs themselves, their time
limits, their retries and their checkpoints; of the scheduler it is known how fast it
takes jobs and how soon Snakemake learns of their end.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Cluster:
    """Times are in seconds, rates by the hour of a node that works."""

    nodes: int
    at_once: int  # jobs that are submitted and not known to have ended; `--jobs`
    start: float  # of a job, before it trains
    submissions: float  # a second
    notice: float = 30.0  # until a job's end is known where it was submitted
    failures: float = 0.0
    preemptions: float = 0.0
    repair: float = 3600.0  # that a node is away
    requeue: float = 120.0  # until a job starts again that SLURM requeued
    restarts: int = 2
    checkpoint: float = 60.0


@dataclass
class Job:
    """Runs that one job trains: (number, seconds that are left), and its limit."""

    runs: deque[tuple[int, float]]
    limit: float
    attempt: int = 1


@dataclass
class Outcome:
    """What became of a study; seconds are of nodes, but for `makespan`."""

    makespan: float = 0.0
    trained: Counter[int] = field(default_factory=Counter)
    left: list[int] = field(default_factory=list)
    useful: float = 0.0
    starts: float = 0.0
    lost: float = 0.0
    submissions: int = 0
    ends: Counter[str] = field(default_factory=Counter)


class Simulation:
    """One study on one cluster."""

    def __init__(self, jobs: list[Job], cluster: Cluster, seed: int) -> None:
        self.outcome = Outcome()
        self._cluster, self._generator = cluster, np.random.default_rng(seed)
        self._waiting, self._queued = deque(jobs), deque[Job]()
        self._free, self._in_flight = cluster.nodes, 0
        self._submitting = False
        self._now, self._numbers = 0.0, itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def run(self) -> Outcome:
        """Until every job is done or given up."""
        self._submit()
        while self._events:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        return self.outcome

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        event = self._now + seconds, next(self._numbers), happen
        heapq.heappush(self._events, event)

    def _submit(self) -> None:
        """One job, and the next when the scheduler can take it."""
        room = self._in_flight < self._cluster.at_once
        self._submitting = room and bool(self._waiting)
        if not self._submitting:
            return
        self._in_flight += 1
        self.outcome.submissions += 1
        self._queue(self._waiting.popleft())
        self._after(1 / self._cluster.submissions, self._submit)

    def _queue(self, job: Job) -> None:
        self._queued.append(job)
        self._place()

    def _place(self) -> None:
        while self._free and self._queued:
            self._free -= 1
            self._begin(self._queued.popleft())

    def _begin(self, job: Job) -> None:
        """What will end the job, and when: whatever comes first."""
        cluster = self._cluster
        whole = cluster.start + sum(seconds for _, seconds in job.runs)
        ends = {
            "done": whole,
            "limit": job.limit * job.attempt,
            "failure": self._time_to(cluster.failures),
            "preemption": self._time_to(cluster.preemptions),
        }
        how = min(ends, key=lambda end: ends[end])
        self._after(ends[how], lambda: self._end(job, how, ends[how]))

    def _time_to(self, rate: float) -> float:
        return float(self._generator.exponential(3600 / rate)) if rate else np.inf

    def _end(self, job: Job, how: str, seconds: float) -> None:
        cluster, outcome = self._cluster, self.outcome
        outcome.ends[how] += 1
        outcome.starts += min(seconds, cluster.start)
        self._train(job, seconds - cluster.start, how)
        if how == "failure":
            self._after(cluster.repair, self._free_node)
        else:
            self._free_node()
        if how in ("failure", "preemption"):  # SLURM starts it again by itself
            self._after(cluster.requeue, lambda: self._queue(job))
        else:
            self._after(cluster.notice, lambda: self._noticed(job, how))

    def _train(self, job: Job, seconds: float, how: str) -> None:
        """Take off what was trained; a job that gets no signal loses a part of it."""
        if how == "done":
            seconds = np.inf
        while job.runs and seconds >= job.runs[0][1]:
            number, whole = job.runs.popleft()
            seconds -= whole
            self.outcome.useful += whole
            self.outcome.trained[number] += 1
        if job.runs and seconds > 0:
            lost = seconds % self._cluster.checkpoint if how == "failure" else 0.0
            number, whole = job.runs.popleft()
            job.runs.appendleft((number, whole - (seconds - lost)))
            self.outcome.useful += seconds - lost
            self.outcome.lost += lost

    def _free_node(self) -> None:
        self._free += 1
        self._place()

    def _noticed(self, job: Job, how: str) -> None:
        """By Snakemake, which submits a job again that did not end well."""
        self.outcome.makespan = self._now
        self._in_flight -= 1
        if how == "limit" and job.attempt <= self._cluster.restarts:
            job.attempt += 1
            self._waiting.appendleft(job)
        elif how == "limit":
            self.outcome.left += [number for number, _ in job.runs]
        if not self._submitting:
            self._submit()
