"""How long training takes, roughly, and how blocks of runs are packed into jobs.

A cluster starts a job in seconds of its own: two Snakemakes, and the imports. So blocks
of several cells share a job there. What a run is knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pgstudy.experiment.study.cell import Block, Cell

# Environment steps a second on one 2.5 GHz core. Measured: 7,600 to 28,000 with 64
# units in seven of Gymnasium's environments, 60,000 for ten seeds side by side.
SPEED, SIDE_BY_SIDE = 20_000, 60_000
EPISODE = 200  # steps of an episode, where the budget does not count steps
START = 10.0  # CPU-seconds of a cluster's job before it trains, see docs/clusters.md
SHORTEST = 20 * START  # of a job, so that starts cost little where SPEED is too low
FEWEST = 16  # jobs of a study, where they are not shorter than that
AT_ONCE = 100  # jobs, in the profiles
LARGEST = 500  # blocks of one job: their names are its command line


def expected_seconds(block: Block) -> float:
    """How long a block trains on one core; within a factor of three or so."""
    return len(block.seeds) * _seconds_of_a_seed(block.cell)


def _seconds_of_a_seed(cell: Cell) -> float:
    """An episode counts as `EPISODE` steps, or as many as it can have."""
    specification, budget = cell.specification, cell.specification.budget
    length = min(EPISODE, specification.environment.max_episode_steps)
    steps = {"env_steps": 1, "episodes": length, "updates": specification.n * length}
    speed = SIDE_BY_SIDE if specification.environment.vectorize else SPEED
    return budget.amount * steps[budget.unit] / speed


def seeds_of_a_job(cell: Cell) -> int:
    """How many seeds one job trains, if the config does not say: a quarter of an hour,
    and at most 5. Those of a vectorized environment may train side by side: the more,
    the faster.
    """
    if cell.specification.environment.vectorize:
        return 100
    return max(1, min(5, int(900 / _seconds_of_a_seed(cell))))


def seconds_of_a_measurement(sample_counts: Sequence[int], env_steps: int) -> float:
    """At most, for the gradients at one policy; `env_steps` is what each N may take."""
    return len(sample_counts) * env_steps / SPEED


def packed(
    blocks: Iterable[Block], minutes: float, at_once: int = 0
) -> list[list[Block]]:
    """Blocks by the job of a cluster that trains them, in their order.

    A job takes about so many minutes. A study that is shorter than the jobs that may
    run at once, and than `FEWEST` of them, has shorter ones, down to `SHORTEST`.
    """
    blocks = list(blocks)
    whole = sum(map(expected_seconds, blocks))
    fewest = max(FEWEST, at_once)
    length = min(60 * minutes, max(SHORTEST, whole / fewest))
    jobs: list[list[Block]] = []
    filled = length
    for block in blocks:
        seconds = expected_seconds(block)
        if filled + seconds > length or len(jobs[-1]) == LARGEST:
            jobs.append([])
            filled = 0.0
        jobs[-1].append(block)
        filled += seconds
    return jobs


def described(jobs: Sequence[Sequence[Block]]) -> str:
    """How many jobs of a cluster train, how long, and what their starts cost."""
    seconds = [sum(map(expected_seconds, job)) for job in jobs]
    starts = len(jobs) * START
    if sum(seconds) <= starts:
        return "training takes less than the start of a job"
    minutes = sum(seconds) / len(jobs) / 60
    count = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    share = starts / sum(seconds)
    return (
        f"{count} of about {minutes:.1f} min; their starts cost about {share:.1%} of it"
    )
