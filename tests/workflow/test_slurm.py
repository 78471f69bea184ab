"""A real SLURM of two nodes: the same line and bits, and what becomes of faults."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SMOKE
from tests.workflow.project import Clone, summary

HERE = Path(__file__).with_name("slurm-here.sh")
CLUSTER = {
    "SLURM_PREEMPT": "1",
    "SLURM_OVER_MEMORY_KILL": "1",
    "SLURM_DOWN": "6",
    "SLURM_REQUEUE_DELAY": "5",
}
FAULTY = {
    "study": "faulty",
    "seeds": 2,
    "seeds_per_job": 1,
    "sample_counts": [4],
    "bins": 10,
    "environments": [
        {
            "id": "CartPole-v1",
            "env_steps": 80_000,  # it is still at work when a fault comes
            "policy": {"hidden": [16]},
            "optimizer": {"learning_rate": 1e-4},
        }
    ],
    "estimators": [{"name": "total-return"}],
}
TABLES = summary("faulty")
# SLURM's plugin asks 10 s later each time that no job has ended: here after 2 always.
# Nothing else of the call differs from the script `snakemake`.
QUICK = """
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(
    lambda self: 2, lambda self, seconds: None
)
main()
"""


def slurm(*arguments):
    return subprocess.run(
        arguments, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two nodes with a core each, for this module."""
    if not shutil.which("slurmctld") or os.getuid() != 0:
        pytest.skip("no SLURM here, or no root to start it (apt-get: see .ci/run)")
    subprocess.run([HERE, "stop"], capture_output=True)
    environment = os.environ | CLUSTER
    subprocess.run([HERE, "start", "2", "1"], env=environment, check=True)
    yield
    subprocess.run([HERE, "stop"], check=True)


class Submitting(Clone):
    """A project whose calls submit their jobs."""

    def line(self, *targets):
        line, given = super().line(*targets, "--profile", "profiles/slurm")
        return [sys.executable, "-P", "-c", QUICK, *line[1:]], given

    def call(self, *targets):
        """By itself: no other process has SLURM's plugin."""
        process = self.start(*targets)
        text = process.communicate()[0]
        return process.returncode, text

    def wait_for_job(self):
        """Until a job trains. Returns its number and its node."""
        self.wait_for_training()
        found = slurm("squeue", "-h", "-t", "R", "-o", "%i %N %k").splitlines()
        return next(x.split()[:2] for x in found if "rule_train_blocks" in x)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The digests of a study that one machine trained."""
    clone = Clone(tmp_path_factory.mktemp("whole") / "clone", FAULTY)
    code, text = clone.call(TABLES)
    assert code == 0, text
    return clone.digests()


@pytest.fixture
def clone(tmp_path):
    clone = Submitting(tmp_path / "clone", FAULTY)
    yield clone
    subprocess.run(["scancel", "--me"], check=True)


def ends_well(clone, whole, process):
    text = process.communicate()[0]
    assert process.returncode == 0, text
    assert clone.digests() == whole
    return text


def test_a_study_has_the_bits_of_one_machine(tmp_path):
    """The whole line, in few jobs; what is small stays where snakemake is."""
    one, many = Clone(tmp_path / "one", SMOKE), Submitting(tmp_path / "many", SMOKE)
    assert one.call(summary())[0] == 0
    code, text = many.call()
    assert code == 0, text
    assert sorted(r["digest"] for r in one.records()) == sorted(
        r["digest"] for r in many.records()
    )
    assert {r["job"] for r in one.records()} == {""}
    (job,) = {r["job"] for r in many.records()}
    assert job.isdigit()
    submitted = re.findall(r"Job \d+ has been submitted", text)
    assert len(submitted) == 1
    assert (many.results / "smoke/report.html").is_file()
    assert not list((many.results / "jobs").glob("*.done"))


def test_a_cancelled_job_is_submitted_again_and_goes_on(clone, whole):
    """From the checkpoint that the signal asked for."""
    process = clone.start(TABLES)
    number, _ = clone.wait_for_job()
    slurm("scancel", number)
    ends_well(clone, whole, process)
    assert any(record["resumed"] for record in clone.records())
    first, second = sorted((clone.results / "logs/jobs").glob("*.*-0.log"))
    assert f"SLURM job {number}\n" in first.read_text()
    assert "interrupted: " in first.read_text()
    assert "interrupted: " not in second.read_text()


def test_a_lost_node_and_its_job(clone, whole):
    """SLURM starts the job on the other node; nobody has to do anything."""
    process = clone.start(TABLES)
    _, node = clone.wait_for_job()
    slurm(str(HERE), "kill-node", node)
    try:
        ends_well(clone, whole, process)
    finally:
        slurm(str(HERE), "start-node", node)
    assert any(record["resumed"] for record in clone.records())


def test_a_preempted_job_waits_and_goes_on(clone, whole):
    """A partition of low priority, and a job of a higher one that wants all nodes."""
    process = clone.start(TABLES, "--default-resources", "slurm_partition=low")
    number, _ = clone.wait_for_job()
    other = ["sbatch", "--nodes=2", "--exclusive", "--time=1", "--output=/dev/null"]
    slurm(*other, "--wrap", "sleep 4")
    ends_well(clone, whole, process)
    assert any(record["resumed"] for record in clone.records())
    assert {record["job"] for record in clone.records()} == {number}


def test_a_job_that_wants_more_memory_says_so(clone, whole):
    """With the setting to change; and with more of it the same line goes on."""
    little = "train_blocks:mem_mb=250"
    code, text = clone.call(TABLES, "--set-resources", little, "--restart-times", "0")
    assert code != 0
    assert re.search(r"SLURM job \d+ on node\d .* more memory than its 250M", text)
    assert "--set-resources train_blocks:mem_mb=MEGABYTES" in text
    ends_well(clone, whole, clone.start(TABLES))


def test_a_time_limit_says_so(clone, whole):
    """Its job is over the limit as soon as that is lowered."""
    process = clone.start(TABLES, "--restart-times", "0")
    number, _ = clone.wait_for_job()
    slurm("scontrol", "update", f"JobId={number}", "TimeLimit=0")
    text = process.communicate()[0]
    assert process.returncode != 0
    assert f"SLURM job {number} on node" in text
    assert "reached its time limit" in text
    ends_well(clone, whole, clone.start(TABLES))


def test_a_killed_coordinators_jobs_are_waited_for(clone, whole):
    """And nothing is trained twice."""
    process = clone.start(TABLES)
    number, _ = clone.wait_for_job()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    text = ends_well(clone, whole, clone.start(TABLES))
    assert f"to end them: scancel {number}" in text
    assert {record["job"] for record in clone.records()} == {number}
    assert not any(record["resumed"] for record in clone.records())


def test_a_cluster_without_accounting_is_a_message(clone):
    """Before anything is submitted: snakemake would wait for ever."""
    code, text = clone.call(TABLES, "--slurm-status-command", "sacct")
    assert code != 0
    assert "sacct does not answer here" in text
    assert "has been submitted" not in text


def test_a_forgetful_controller_is_a_message(clone):
    """MinJobAge=2: a job is forgotten before snakemake asks for it."""
    slurm(str(HERE), "stop")
    environment = os.environ | CLUSTER | {"SLURM_MIN_JOB_AGE": "2"}
    subprocess.run([HERE, "start", "2", "1"], env=environment, check=True)
    time.sleep(1)
    code, text = clone.call(TABLES)
    assert code != 0
    assert "SLURM forgets a job 2 s after its end (MinJobAge)" in text
    assert "has been submitted" not in text
