"""What a real snakemake call shows while it trains, and that nothing of it is left."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from mlflow import MlflowClient

from pgstudy.experiment.progress import plan, states
from tests.experiment.servers import free_port
from tests.workflow.project import CRASH, Clone, variables

CARTPOLE = {
    "id": "CartPole-v1",
    "env_steps": 600_000,
    "optimizer": {"learning_rate": 1e-4},
}
SHOWN = re.compile(r"^watched: .*runs, .*$", re.MULTILINE)


def watched(folder):
    """A project with a study of two jobs, of one run each."""
    study = CRASH | {"study": "watched", "seeds": 2, "seeds_per_job": 1}
    study |= {"sample_counts": [4], "environments": [CARTPOLE]}
    return Clone(folder / "clone", study)


def followers(clone):
    """Processes that show the progress of this project."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_text()
            if "--follow" in command and (place / "cwd").readlink() == clone.folder:
                found.append(place.name)
        except OSError:
            pass
    return found


def wait_until(condition, seconds):
    """Until it is so."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + seconds
        time.sleep(0.05)


def tracked_only(clone, **environment):
    """A call to the end of training and upload."""
    target = "results/watched/tracked.json"
    command = ["snakemake", target, "--cores", "2", "--configfile", "study.yaml"]
    return subprocess.Popen(
        command,
        cwd=clone.folder,
        env=variables() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def hold_runs(clone):
    """Stop the processes that train, each with a curve: the UI may start slowly."""
    wait_until(lambda: with_curves(clone), 60)
    held = with_curves(clone)
    for process in held:
        os.kill(process, signal.SIGSTOP)
    return held


def with_curves(clone):
    """Processes that train a run with more than two points of its curve."""
    return {run.pid for run in states.running(clone.results) if len(run.curve) > 2}


def release(held):
    """Let them train on."""
    while held:
        with contextlib.suppress(ProcessLookupError):
            os.kill(held.pop(), signal.SIGCONT)


def found(clone):
    """The entries of the study in MLflow, and the points of each."""
    client = MlflowClient(f"sqlite:///{clone.results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("watched")
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    ids = [run.info.run_id for run in runs]
    return runs, [len(client.get_metric_history(i, "mean_return")) for i in ids]


def start_ui(clone):
    """`pgstudy ui` on a port of its own, once it has printed a link."""
    command = [sys.executable, "-m", "pgstudy", "ui", "--port", str(free_port())]
    ui = subprocess.Popen(
        command, cwd=clone.folder, env=variables(), stdout=subprocess.PIPE, text=True
    )
    assert "/#/experiments/" in ui.stdout.readline()
    return ui


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """All that was seen of one call, with a UI beside it that opened before the end."""
    clone, began = watched(tmp_path_factory.mktemp("seen")), time.monotonic()
    call = tracked_only(clone, PGSTUDY_PROGRESS_SECONDS="2")
    held = hold_runs(clone)
    ui = start_ui(clone)
    try:
        wait_until(lambda: max(found(clone)[1], default=0) > 2, 60)
        during = found(clone)
        release(held)
        text = call.communicate()[0]
        left = followers(clone)
        assert call.returncode == 0, text
        took = time.monotonic() - began
        time.sleep(4)  # the watcher looks once more
        assert ui.poll() is None
    finally:
        release(held)
        ui.terminate()
        code = ui.wait(40)
    return SimpleNamespace(
        **{"clone": clone, "text": text, "took": took, "during": during},
        **{"left": left, "after": found(clone), "code": code},
    )


def test_a_call_says_how_far_it_is_and_leaves_nobody_behind(seen):
    """A line in so many seconds; none in the logs; its follower ends with it."""
    assert seen.left == []
    lines = SHOWN.findall(seen.text)
    assert 1 <= len(lines) <= seen.took / 2
    assert all("of the budgets" in line for line in lines)
    assert "Traceback" not in seen.text
    for log in seen.clone.results.glob("logs/**/*.log"):
        assert "of the budgets" not in log.read_text()


def test_a_call_that_trains_nothing_says_nothing(seen):
    """And starts nobody."""
    again = tracked_only(seen.clone, PGSTUDY_PROGRESS_SECONDS="0")
    assert not SHOWN.findall(again.communicate()[0])


def test_the_ui_shows_curves_of_runs_that_train(seen):
    """Opened before anything is tracked; in the end one finished entry a run."""
    runs, counts = seen.during
    assert {run.info.status for run in runs} == {"RUNNING"}
    assert {run.data.tags["live"] for run in runs} == {"true"}
    assert max(counts) > 2
    runs, counts = seen.after
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    assert len({run.data.tags["key"] for run in runs}) == 2
    assert all("live" not in run.data.tags for run in runs)
    assert counts == [100, 100]
    assert seen.code == 128 + signal.SIGTERM


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_call_takes_its_follower_along(tmp_path, how):
    """Within seconds, in silence; it holds no lock. Ctrl-C goes to the whole group."""
    clone = watched(tmp_path)
    process = clone.start(PGSTUDY_PROGRESS_SECONDS="0.5")
    wait_until(lambda: followers(clone) and states.running(clone.results), 30)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.kill()
    process.wait()
    with FileLock(clone.results / ".call.lock", blocking=False):
        wait_until(lambda: not followers(clone), 3)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in process.communicate()[0]
    assert plan.read_plan(clone.results) is None
