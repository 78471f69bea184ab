"""Environments that end, leave, hang or litter their process, in real Snakemake calls.

What each does strikes the first run alone that gets there, in its fifth episode.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pgstudy.experiment.progress import live, plan, states, wording
from tests.workflow.project import Project

MODULE = '''
import ctypes
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time

import gymnasium
import numpy as np
from gymnasium import spaces


def leave_behind(folder, process):
    with open(os.path.join(folder, "left"), "a") as file:
        file.write(f"{process} ")


def first(path):
    """Whether nobody was here before."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def fork(folder):
    if (child := os.fork()) == 0:
        time.sleep(600)
        os._exit(0)
    leave_behind(folder, child)


FAULTS = {
    "sys.exit": lambda folder: sys.exit("no licence"),
    "interrupt": lambda folder: signal.raise_signal(signal.SIGINT),
    "code 0": lambda folder: os._exit(0),
    "code 3": lambda folder: os._exit(3),
    "segfault": lambda folder: ctypes.string_at(0),
    "killed": lambda folder: os.kill(os.getpid(), signal.SIGKILL),
    "moves": os.chdir,
    "starts": lambda folder: leave_behind(
        folder, subprocess.Popen(["sleep", "600"]).pid
    ),
    "forks": fork,
    "hangs": lambda folder: time.sleep(600),
}


class Misbehaving(gymnasium.Env):
    """Pays 1 for action 1, ends after three steps."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, fault, folder):
        self.fault, self.folder, self.episodes = FAULTS[fault], folder, 0
        self.mark = os.path.join(folder, fault)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.episodes += 1
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.episodes == 5 and first(self.mark):
            print("here it comes")
            self.fault(self.folder)
        return np.zeros(2, np.float32), 1.0 * action, self.steps == 3, False, {}


gymnasium.register("toy/Misbehaving-v0", Misbehaving, max_episode_steps=10)
'''
REASONS = {
    "sys.exit": "the environment raised SystemExit: no licence",
    "interrupt": "its process was ended by SIGINT (Interrupt)",
    "code 0": "its process ended itself, with exit code 0",
    "code 3": "its process ended itself, with exit code 3",
    "segfault": "its process was ended by SIGSEGV (Segmentation fault)",
    "killed": "its process was ended by SIGKILL (Killed, perhaps for want of memory)",
    "hangs": "its process was ended by SIGTERM (Terminated)",
}
LITTER = ("moves", "starts", "forks")


def study(folder, faults):
    """Three seeds of each, in one block."""
    return {
        "study": "bad",
        "register": "bad_envs",
        "seeds": 3,
        "seeds_per_job": 3,
        "sample_counts": [1],
        "defaults": {
            "updates": 30,
            "evaluation_episodes": 2,
            "optimizer": {"learning_rate": 0.5},
        },
        "environments": [
            {
                "id": "toy/Misbehaving-v0",
                "name": fault,
                "kwargs": {"fault": fault, "folder": str(folder)},
            }
            for fault in faults
        ],
        "estimators": [{"name": "total-return"}],
    }


class Bad(Project):
    """A project whose calls end in time, or else fail its test."""

    def __init__(self, folder, faults):
        super().__init__(folder)
        self.litter = folder / "litter"
        self.litter.mkdir()
        (folder / "bad_envs.py").write_text(MODULE)
        self.write(study(self.litter, faults))

    def start(self, *arguments):
        """Whoever holds its pipe keeps `communicate` waiting."""
        command, place, environment = self.command()
        return subprocess.Popen(
            [*command, *arguments, "--configfile", self.config],
            cwd=place,
            env=environment | {wording.STALLED: "3", live.SECONDS: "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def records(self):
        found = super().records()
        return sorted(found, key=lambda record: (record["environment"], record["seed"]))


def of(project, fault):
    return [r for r in project.records() if r["environment"] == fault]


def left(project):
    """Processes that environments left behind."""
    file = project.litter / "left"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One call, to the end of what can be had."""
    faults = [fault for fault in (*REASONS, *LITTER) if fault != "hangs"]
    made = Bad(tmp_path_factory.mktemp("bad"), faults)
    process = made.start()
    made.text = process.communicate(timeout=500)[0]
    made.code = process.returncode
    yield made
    for pid in left(made):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("fault", [fault for fault in REASONS if fault != "hangs"])
def test_a_run_whose_process_ends_is_failed_and_the_block_goes_on(project, fault):
    """With the signal or the exit code as its reason, on the terminal too."""
    assert project.code != 0
    found = of(project, fault)
    assert [(r["seed"], r["status"]) for r in found] == [
        (0, "failed"),
        (1, "finished"),
        (2, "finished"),
    ]
    assert found[0]["reason"] == REASONS[fault]
    run = f"{fault} total-return N=1 learning_rate=0.5 seed=0"
    word = f"failed: {run}: {REASONS[fault]}"
    assert word in project.text
    assert word in project.log()
    assert "Traceback (most recent call last)" not in project.text


def test_what_an_environment_prints_is_in_the_log(project):
    """With the place of a fatal signal; messages alone go on to the terminal."""
    assert "here it comes" in project.log()
    assert "Fatal Python error: Segmentation fault" in project.log()


def test_an_environment_that_changes_folder_takes_no_result_along(project):
    """All files are where they belong."""
    assert [r["status"] for r in of(project, "moves")] == ["finished"] * 3
    names = {p.name for p in project.litter.iterdir()}
    assert names <= {*REASONS, *LITTER, "left"}


def test_no_process_left_behind_keeps_a_job_from_ending(project):
    """They live, and the call has ended; started and forked ones alike."""
    alive = [pid for pid in left(project) if plan.birth(pid)]
    assert len(alive) == len(left(project)) == 2
    for fault in ("starts", "forks"):
        assert [r["status"] for r in of(project, fault)] == ["finished"] * 3


def test_a_run_that_hangs_is_named_and_can_be_ended_alone(tmp_path):
    """By the progress line and by `pgstudy progress`, with its process."""
    project = Bad(tmp_path, ["hangs"])
    process = project.start()
    ended = False
    while process.poll() is None:
        for job in states.running(project.results):
            if not ended and time.time() - job.moved > 6:
                command = ["pgstudy", "progress"]
                environment = os.environ | {wording.STALLED: "3"}
                shown = subprocess.run(
                    command, cwd=tmp_path, env=environment, capture_output=True
                ).stdout.decode()
                assert f" s (process {job.pid})" in shown
                os.kill(job.pid, signal.SIGTERM)
                ended = True
        time.sleep(0.2)
    text = process.communicate()[0]
    found = of(project, "hangs")
    assert [r["status"] for r in found] == ["failed", "finished", "finished"]
    assert found[0]["reason"] == REASONS["hangs"]
    name = "hangs total-return N=1 learning_rate=0.5 seed=0"
    assert re.search(rf"^{name}: no update for [0-9]+ s \(process \d+\)", text, re.M)
    assert f"failed: {name}: {REASONS['hangs']}" in text


def test_a_module_that_ends_the_process_is_a_message(tmp_path):
    """Not silence and exit code 0."""
    project = Bad(tmp_path, ["moves"])
    (tmp_path / "bad_envs.py").write_text("import sys; sys.exit()")
    process = project.start("-n")
    text = process.communicate(timeout=200)[0]
    assert process.returncode != 0
    assert "module bad_envs ends the process when it is imported" in text
    assert "Traceback" not in text
    assert not Path(project.results / "runs").exists()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("os._exit(0)", "its process ended itself, with exit code 0"),
        ("ctypes.string_at(0)", "its process was ended by SIGSEGV"),
        ("sys.exit(0)", "SystemExit"),
    ],
)
def test_a_first_step_that_ends_the_process_is_a_fault_of_the_config(
    tmp_path, line, word
):
    """The check takes one step; whoever checks lives on and says so."""
    project = Bad(tmp_path, ["moves"])
    step = "        self.steps += 1\n"
    module = MODULE.replace(step, f"{step}        {line}\n")
    (tmp_path / "bad_envs.py").write_text(module)
    command = ["pgstudy", "check", str(project.config)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr
