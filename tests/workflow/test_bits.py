"""The bits of a run do not depend on how it was called."""

import json

import pytest

from tests.workflow.test_workflow import Project

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


def digests(folder, cores, seeds_per_job, monkeypatch, threads):
    """SHA-256 of every run of the study, by environment, estimator and seed."""
    project = Project(folder)
    project.write(STUDY | {"seeds_per_job": seeds_per_job})
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    project.succeed("--cores", cores, "--until", "train")
    records = [json.loads(f.read_text()) for f in project.run_folders_json()]
    assert {r["made_by"]["threads"] for r in records} == {1}
    assert len(records) == 2 * 2 * 3
    return {(r["environment"], r["estimator"], r["seed"]): r["digest"] for r in records}


@pytest.mark.parametrize(
    ("cores", "seeds_per_job", "threads"), [("8", 3, "8"), ("8", 1, "2")]
)
def test_cores_blocks_and_threads_leave_the_bits_alone(
    tmp_path, monkeypatch, cores, seeds_per_job, threads
):
    """Width 444 shows a second thread where 64 would hide it (case 3)."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = digests(tmp_path / "a", "1", 3, monkeypatch, "1")
    other = digests(tmp_path / "b", cores, seeds_per_job, monkeypatch, threads)
    assert one == other
    assert len(set(one.values())) == len(one)
