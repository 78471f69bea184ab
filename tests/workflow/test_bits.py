"""The bits of a run do not depend on how it was called."""

import pytest

from pgstudy.experiment.training.call import THREADS
from tests.workflow.project import Project

STUDY = {
    "study": "bits",
    "seeds": 3,
    "sample_counts": [4],
    "defaults": {
        "updates": 4,
        "evaluation_episodes": 3,
        "policy": {"hidden": [444]},
        "optimizer": {"learning_rate": 1e-3},
    },
    "environments": [{"id": "CartPole-v1"}, {"id": "Pendulum-v1"}],
    "estimators": [
        {"name": "plain"},
        {
            "name": "learned",
            "credit": "to-go",
            "gamma": 0.9,
            "baseline": "learned",
            "value": {"learning_rate": 0.01, "hidden": [444]},
        },
    ],
}


def digests(folder, cores, seeds_per_job, threads):
    """SHA-256 of every run of the study, by environment, estimator and seed."""
    project = Project(folder, STUDY | {"seeds_per_job": seeds_per_job})
    project.alone = True  # imports read the variable
    with pytest.MonkeyPatch.context() as patch:
        for name in THREADS:
            patch.setenv(name, threads)
        project.succeed("--cores", cores, "--until", "train")
    records = project.records()
    assert {r["made_by"]["threads"] for r in records} == {1}
    assert len(records) == 2 * 2 * 3
    return {(r["environment"], r["estimator"], r["seed"]): r["digest"] for r in records}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """On one core, in blocks of three, with one thread."""
    return digests(tmp_path_factory.mktemp("bits") / "one", "1", 3, "1")


@pytest.mark.parametrize(
    ("cores", "seeds_per_job", "threads"), [("8", 3, "8"), ("8", 1, "2")]
)
def test_cores_blocks_and_threads_leave_the_bits_alone(
    one, tmp_path, cores, seeds_per_job, threads
):
    """Width 444 shows a second thread where 64 would hide it (case 3)."""
    other = digests(tmp_path / "other", cores, seeds_per_job, threads)
    assert one == other
    assert len(set(one.values())) == len(one)
