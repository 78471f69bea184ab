"""results/jobs: the jobs that train a study on a cluster, many blocks each.

A job's file is there before the job is submitted, says what it trains, and is named
after its content.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pgstudy.experiment.planning import Found, both, wanted_blocks
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.study.jobs import expected_seconds, packed
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import write_json


@dataclass(frozen=True, eq=False)
class ClusterJob:
    """Blocks that one job trains, one after the other.

    tried: when the runs among them that failed before were started.
    """

    blocks: tuple[Block, ...]
    tried: tuple[float, ...] = ()

    @functools.cached_property
    def name(self) -> str:
        """Twelve hexadecimal digits, others once a run of it has failed."""
        content = [block.manifest for block in self.blocks], self.tried
        return hashlib.sha256(repr(content).encode()).hexdigest()[:12]

    @property
    def seconds(self) -> float:
        """How long it trains, as expected by `study.jobs`."""
        return sum(map(expected_seconds, self.blocks))

    @property
    def minutes(self) -> int:
        """How long it may take, at its first attempt."""
        return 5 + math.ceil(3 * self.seconds / 60)


def cluster_jobs(
    folder: StudyFolder, found: Found, at_once: int = 0
) -> dict[str, ClusterJob]:
    """The job that trains a block, by the block's manifest.

    Of blocks that are not complete; of a tuned study once its rates are chosen.
    `at_once`: how many jobs may run at the same time, if that is known.
    """
    jobs: dict[str, ClusterJob] = {}
    for one in both(folder):
        blocks = [b for b in wanted_blocks(one) if found.missing.get(b.manifest)]
        for some in packed(blocks, one.study.job_minutes, at_once):
            runs = [run for block in some for run in found.missing[block.manifest]]
            records = filter(None, (run.record() for run in runs))
            job = ClusterJob(tuple(some), tuple(r.started for r in records))
            jobs |= {block.manifest: job for block in some}
    return jobs


def write_jobs(store: Store, jobs: Iterable[ClusterJob]) -> None:
    """Write the files of jobs, which `read_blocks` reads. Errors: OSError."""
    for job in jobs:
        blocks = [json.loads(block.to_json()) for block in job.blocks]
        write_json(store.results / places.JOBS / f"{job.name}.json", blocks)


def read_blocks(file: Path) -> list[Block]:
    """What a job trains.

    Errors: OSError, ValueError, KeyError, TypeError, ConfigError.
    """
    return [Block.from_dict(data) for data in json.loads(file.read_text("utf-8"))]
