"""What people see of a real training while it goes on."""

import contextlib
import dataclasses
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.progress import live, progress, states, wording
from pgstudy.experiment.progress import watch as watch_module
from pgstudy.experiment.progress.plan import PLAN, birth, read_plan, write_plan
from pgstudy.experiment.progress.watch import Watch
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import Block
from pgstudy.experiment.tracking import live_entries
from pgstudy.experiment.tracking.live_entries import Watcher
from pgstudy.experiment.tracking.mirror import tracking_uri
from pgstudy.learning.training import train
from tests.experiment.test_checkpoints import start

CONFIG = {
    "study": "watched",
    "seeds": 3,
    "sample_counts": [4],
    "environments": [
        {
            "id": "CartPole-v1",
            "env_steps": 350_000,
            "optimizer": {"learning_rate": 1e-4},
        }
    ],
    "estimators": [{"name": "total-return"}],
}
LONG = CONFIG | {"environments": [CONFIG["environments"][0] | {"env_steps": 10**8}]}


def first_block(config):
    """One run of the study."""
    return Block(next(load_study(config).blocks()).cell, (0,))


def folder(store):
    return StudyFolder(store, load_study(CONFIG), store.results / "watched")


def wait_for(condition, process, seconds=60):
    """Until it is so, while the process lives."""
    for _ in range(seconds * 20):
        if found := condition():
            return found
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("it never came")


def points(results):
    """What runs say now, if one has a curve."""
    return [job for job in states.running(results) if job.curve]


@pytest.fixture
def long_training(tmp_path):
    """A training that lasts; the test's own process stands for the call."""
    store, block = Store(tmp_path), first_block(LONG)
    write_plan(folder(store), store.runs(block))
    process = start(block, tmp_path)
    yield process
    process.kill()
    process.communicate()


def test_a_training_says_how_far_it_is_and_its_bits_are_the_same(tmp_path):
    """While it trains; at its end the file is gone."""
    block = first_block(CONFIG)
    store = Store(tmp_path)
    run = store.run(block.cell, 0)
    process = start(block, tmp_path)
    (job,) = wait_for(lambda: points(tmp_path), process)
    assert (job.name, job.key) == (run.name, run.key)
    assert (job.unit, job.amount, job.before) == ("env_steps", 350_000, 0)
    assert 0 < job.curve[0][1] < job.curve[-1][1] <= job.spent == job.env_steps
    assert 2 < len(job.curve) <= progress.POINTS
    (line, last) = live.lines(tmp_path)
    assert line.startswith(f"{run.name}: ")
    assert "of 350,000 environment steps (" in line
    assert last == live.NOBODY
    assert process.wait() == 0, process.stderr.read()
    assert list((tmp_path / "progress").iterdir()) == []
    alone = train(block.cell.specification, 0)
    assert run.record().digest == alone.digest()
    steps = dict(zip(alone.updates["update"], alone.updates["env_steps"], strict=True))
    means = dict(
        zip(alone.updates["update"], alone.updates["mean_return"], strict=True)
    )
    assert job.curve == [[u, steps[u], means[u]] for u, _, _ in job.curve]


def age(path):
    """Make a file older than what is believed without its lock."""
    then = time.time() - 2 * states.FRESH
    os.utime(path, (then, then))


def test_the_file_of_a_killed_process_is_ignored(long_training, tmp_path):
    """After a while; and of one that is only slow it is not."""
    wait_for(lambda: points(tmp_path), long_training)
    (path,) = tmp_path.glob("progress/[!p]*.json")
    long_training.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    age(path)
    assert len(states.running(tmp_path)) == 1
    long_training.kill()
    long_training.wait()
    assert path.is_file()
    assert states.running(tmp_path) == []
    assert list(states.not_running(tmp_path)) == [path]


def test_a_terminated_training_is_not_running(long_training, tmp_path):
    """Its file stays for whoever says what became of the run."""
    wait_for(lambda: points(tmp_path), long_training)
    long_training.terminate()
    assert long_training.wait() != 0
    assert states.running(tmp_path) == []
    (state,) = states.not_running(tmp_path).values()
    assert state.interrupted


def test_what_is_no_progress_file_is_ignored(tmp_path):
    """Half a file, another version's, another folder's."""
    (tmp_path / "progress").mkdir()
    for name, text in {"a": "{", "b": "[]", "c": '{"name": "x"}'}.items():
        (tmp_path / "progress" / f"{name}.json").write_text(text)
    assert states.running(tmp_path) == []
    assert live.lines(tmp_path / "nowhere") == [live.NOBODY]


def history(lengths):
    """Of batches of one episode, whose return is the number of the update."""
    return SimpleNamespace(
        lengths=[np.array([n]) for n in lengths],
        returns=[np.array([i + 1.0]) for i in range(len(lengths))],
    )


@pytest.mark.parametrize("parts", [[5000], [1, 2, 249, 250, 251, 1000, 4999, 5000]])
def test_a_curve_is_thinned_the_same_however_it_grew(parts):
    """Evenly, at most so many points, the total always exact."""
    lengths, curve = np.arange(1, 5001), progress.Curve()
    for end in parts:
        curve.extend(history(lengths[:end]))
        assert len(curve.rows) <= progress.POINTS
        assert curve.env_steps == lengths[:end].sum()
    assert curve.rows == [(u, lengths[:u].sum(), float(u)) for u in range(32, 5001, 32)]


def made_up(run, **changes):
    """A progress file of a run."""
    cell = run.cell
    place = (run.name, cell.environment, cell.estimator, cell.n, run.seed)
    budget = (run.key, "env_steps", 350_000)
    state = states.Progress(
        *place,
        *budget,
        *(0, 0, 0, 0.0, []),
        pid=7,
        moved=time.time(),
        host="node1",
        job="",
        rss_mb=0,
        interrupted=False,
    )
    path = run.folder.parents[4] / "progress" / f"{state.key}.json"
    path.write_text(json.dumps(vars(state) | changes))


def ended(run, status, started):
    return run.recorded(Provenance(made_by={}, started=started), status)


def test_the_whole_counts_runs_budgets_and_time(tmp_path):
    """What was spent before the call took a run up says nothing of its speed."""
    store = Store(tmp_path)
    runs = store.runs(next(load_study(CONFIG).blocks()))
    runs[2].write_record(ended(runs[2], "failed", 1.0))
    write_plan(folder(store), runs)
    plan = read_plan(tmp_path)
    plan = dataclasses.replace(plan, started=plan.started - 100)
    watch = Watch(tmp_path, plan)
    watch.look()
    assert watch.whole() == (
        "watched: 0 of 3 runs, 0% of the budgets, time left not known yet"
    )
    runs[0].write_record(ended(runs[0], "finished", 0.0))
    made_up(runs[1], before=140_000, spent=175_000)
    watch.look()
    assert watch.whole() == (
        "watched: 1 of 3 runs, 50% of the budgets, about 2 min left"
    )
    assert watch.seconds_left == pytest.approx(100 * 0.5 / (1.1 / 3), 0.05)
    runs[2].write_record(ended(runs[2], "failed", plan.started + 1))
    watch.look()
    assert "1 of 3 runs, 1 failed, 83% of the budgets" in watch.whole()
    assert not watch.is_over()


def test_a_look_reads_only_what_may_have_changed(tmp_path, monkeypatch):
    """Neither runs that nobody began nor those that are known to be complete."""
    store = Store(tmp_path)
    study = load_study(CONFIG | {"seeds": 60, "sample_counts": [4, 16]})
    runs = [run for block in study.blocks() for run in store.runs(block)]
    write_plan(folder(store), runs)
    read, whole = [], watch_module.read_unchecked
    monkeypatch.setattr(
        watch_module, "read_unchecked", lambda f: read.append(f) or whole(f)
    )
    for run in runs[:20]:
        run.write_record(ended(run, "finished", 0.0))
    watch, looks = Watch(tmp_path, read_plan(tmp_path)), []
    for later in ([], [], [runs[20]]):
        for run in later:
            run.write_record(ended(run, "finished", 0.0))
        watch.look()
        looks.append(len(read))
        read.clear()
    assert looks == [20, 0, 1]
    assert watch.whole().startswith("watched: 21 of 120 runs, 18% of the budgets")


def test_a_run_that_failed_and_was_trained_again_is_no_failure(tmp_path):
    """As where a cluster's job is submitted again."""
    store = Store(tmp_path)
    (run,) = store.runs(first_block(CONFIG))
    write_plan(folder(store), [run])
    watch = Watch(tmp_path, read_plan(tmp_path))
    for status in ("failed", "finished"):
        run.write_record(ended(run, status, time.time()))
        watch.look()
        assert (len(watch.failed), watch.share) == (status == "failed", 1.0)
        assert watch.is_over()


def test_a_run_that_has_not_moved_for_minutes_is_named(tmp_path, monkeypatch):
    """In each line of it, and once in a line of its own."""
    store = Store(tmp_path)
    runs = store.runs(next(load_study(CONFIG).blocks()))[:2]
    write_plan(folder(store), runs)
    made_up(runs[0], spent=35_000, moved=time.time() - 420)
    made_up(runs[1], spent=35_000)
    watch = Watch(tmp_path, read_plan(tmp_path))
    watch.look()
    word = "no update for 7 min (process 7)"
    assert live.newly_stalled(watch) == [f"{runs[0].name}: {word}"]
    assert live.newly_stalled(watch) == []
    *jobs, _ = live.lines(tmp_path)  # by their keys, which the code is part of
    one, two = (next(j for j in jobs if j.startswith(run.name)) for run in runs)
    assert one.endswith(f"; {word}")
    assert "no update" not in two
    monkeypatch.setenv(wording.STALLED, "500")
    assert "no update" not in "".join(live.lines(tmp_path))
    monkeypatch.setenv(wording.STALLED, "soon")
    assert word in "".join(live.lines(tmp_path))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (200, "3 min"), (5400, "1 h 30 min"), (90000, "25 h 0 min")],
)
def test_times_are_said_as_people_say_them(seconds, text):
    """Not to the second where nobody knows it."""
    assert wording.duration(seconds) == f"about {text} left"


def test_a_plan_is_one_of_a_living_process(tmp_path):
    """Its number alone is no proof, nor that of one that nobody waited for."""
    store = Store(tmp_path)
    write_plan(folder(store), [])
    plan = read_plan(tmp_path)
    assert plan.pid == os.getpid()
    file = tmp_path / "progress" / PLAN
    for wrong in ({"birth": "1"}, {"birth": ""}, {"pid": -1}, {"pid": "x"}):
        file.write_text(json.dumps(dataclasses.asdict(plan) | wrong))
        assert read_plan(tmp_path) is None
    child = subprocess.Popen(["sleep", "60"])
    assert birth(child.pid) != ""
    child.kill()
    time.sleep(0.2)
    assert birth(child.pid) == ""
    child.wait()


def test_seeds_of_one_cell_are_said_together(tmp_path):
    """Ten that train side by side are not ten names on one line."""
    store = Store(tmp_path)
    runs = store.runs(next(load_study(CONFIG).blocks()))
    write_plan(folder(store), runs)
    for run, spent in zip(runs, (35_000, 175_000, 70_000), strict=True):
        made_up(run, spent=spent)
    watch = Watch(tmp_path, read_plan(tmp_path))
    watch.look()
    whole, cell = live._line(watch).split("; ")
    assert whole == watch.whole()
    assert "seed=" not in cell
    assert cell.endswith(", 3 seeds 10% to 50%")


def test_a_terminal_shows_one_bar_until_all_is_done(tmp_path):
    """Drawn over and over on one line."""
    store = Store(tmp_path)
    (run,) = store.runs(first_block(CONFIG))
    write_plan(folder(store), [run])
    made_up(run, spent=175_000)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pgstudy", "progress", "--follow", "--results"]
    process = subprocess.Popen([*command, str(tmp_path)], stderr=theirs)
    os.close(theirs)
    shown = ""
    while "##----" not in shown:
        shown += os.read(ours, 10_000).decode()
    assert "[##########----------] watched: 0 of 1 runs, 50% of" in shown
    run.write_record(ended(run, "finished", time.time()))
    assert process.wait(10) == 0
    shown = os.read(ours, 10_000).decode()
    assert "] watched: 1 of 1 runs, 100% of the budgets" in shown
    assert shown.strip("\r\n").count("\n") == 0
    os.close(ours)


def entries(results):
    """Of the study, with the number of points of each."""
    client = MlflowClient(tracking_uri(results))
    found = client.get_experiment_by_name("watched")
    runs = client.search_runs([found.experiment_id]) if found else []
    histories = [client.get_metric_history(r.info.run_id, "mean_return") for r in runs]
    return runs, [len(h) for h in histories]


NAME = "N=4 seed=0 total-return CartPole-v1"


def test_curves_of_runs_that_train_are_in_mlflow(long_training, tmp_path, monkeypatch):
    """One entry a key, that grows, also after a UI that was killed; gone after."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    first = Watcher(tmp_path)
    first.prepare()
    (job,) = wait_for(lambda: points(tmp_path), long_training)
    first.look()
    (entry,), (count,) = entries(tmp_path)
    assert (entry.info.status, entry.data.tags["live"]) == ("RUNNING", "true")
    assert (entry.data.tags["key"], entry.info.run_name) == (job.key, NAME)
    assert count >= len(job.curve) > 2
    last = entry.data.metrics
    assert last["trajectories"] % job.n == 0
    assert 0 < last["trajectories"] < last["env_steps"]
    wait_for(lambda: points(tmp_path)[0].spent > 2 * job.spent, long_training)
    Watcher(tmp_path).look()
    (same,), (more,) = entries(tmp_path)
    assert same.info.run_id == entry.info.run_id
    assert more > count
    assert same.data.metrics["env_steps"] > entry.data.metrics["env_steps"]
    long_training.terminate()
    long_training.wait()
    first.look()
    assert entries(tmp_path) == ([], [])


def test_a_look_that_a_signal_ends_leaves_no_entry(
    long_training, tmp_path, monkeypatch
):
    """Between an entry and its points, after a look at which nothing trained."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    watcher = Watcher(tmp_path)
    watcher.prepare()
    with monkeypatch.context() as patch:
        patch.setattr(live_entries, "running", lambda results: [])
        watcher.look()
    wait_for(lambda: points(tmp_path), long_training)
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(live_entries, "log", lambda *_: sys.exit(143))
        watcher.look()
    assert len(entries(tmp_path)[0]) == 1
    watcher.close()
    assert entries(tmp_path)[0] == []


def test_a_ui_that_ends_takes_the_curves_along(long_training, tmp_path, monkeypatch):
    """It starts where nothing is tracked yet, and leaves no server behind."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    command = [sys.executable, "-m", "pgstudy", "ui", "--results", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as ui:
        assert "/#/experiments/" in ui.stdout.readline()
        wait_for(lambda: entries(tmp_path)[0], ui)
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(ui.pid)], capture_output=True, text=True
        ).stdout.split()
        ui.terminate()
        assert ui.wait(40) == 128 + signal.SIGTERM
    assert entries(tmp_path)[0] == []
    assert len(children) == 1
    assert birth(int(children[0])) == ""
    assert long_training.poll() is None


def servers_of(ui):
    """Its children but those that an import of its calls."""
    with contextlib.suppress(psutil.Error):  # one ends while it is looked at
        children = psutil.Process(ui.pid).children()
        return [c for c in children if "mlflow" in " ".join(c.cmdline())]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_ui_that_ends_as_it_imports_says_nothing(migrated, tmp_path, number):
    """MLflow asks `uname` as it is imported, which takes long here."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    slow = tmp_path / "uname"
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-m", "pgstudy", "ui", "--results", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    ) as ui:
        wait_for(lambda: psutil.Process(ui.pid).children(), ui)
        ui.send_signal(number)
        assert ui.wait(4) == -number
        assert ui.stdout.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_ui_that_ends_as_it_starts_leaves_no_server(migrated, tmp_path, number):
    """The signal comes when its server has just begun, and printed no link."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    command = [sys.executable, "-m", "pgstudy", "ui", "--results", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as ui:
        child = wait_for(lambda: servers_of(ui), ui)[0]
        ui.send_signal(number)
        assert ui.wait(40) == (0 if number == signal.SIGINT else 128 + number)
        assert ui.stdout.read() == "stopped\n"
    assert not psutil.pid_exists(child.pid)


DEAF = """
import os, signal, sys, time
from pathlib import Path
from pgstudy.experiment.tracking import server

class Fragile:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)  # the handler runs here

class Busy:
    def look(self):
        Fragile()
    def close(self):
        print("closed")

server._watch(Busy(), lambda: True, lambda: print("ended"))
"""


def test_a_ui_ends_where_python_ignores_what_the_signal_raises():
    """In a destructor, for one; it once went on for ever (Exception ignored in ...)."""
    done = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, text=True, timeout=60
    )
    assert "Exception ignored in" in done.stderr
    assert done.stdout.split() == ["ended", "closed", "stopped"]
    assert done.returncode == 128 + signal.SIGTERM
