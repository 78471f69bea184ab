"""Jobs are forked from a process of the call: as if each ran by itself."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.progress import states
from pgstudy.experiment.system.places import FORKSERVER
from pgstudy.experiment.training.call import let_sigterm_wait
from tests.workflow.project import CRASH

CALL = f"""
import os, sys
from pgstudy.experiment.training.call import start_forkserver
start_forkserver()
print(os.environ[{FORKSERVER!r}], flush=True)
sys.stdin.read()
"""


def start_call(folder, **given):
    """A process that started a fork server, and its variable."""
    process = subprocess.Popen(
        [sys.executable, "-c", CALL],
        cwd=folder,
        env=os.environ | given,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, {FORKSERVER: process.stdout.readline().strip()}


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """One for all tests that leave it as it is."""
    made = start_call(tmp_path_factory.mktemp("call"))
    yield made
    made[0].communicate("")


def pgstudy(variables, *arguments, folder=None, **options):
    return subprocess.run(
        ["pgstudy", *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        **options,
    )


def gone(processes):
    return psutil.wait_procs(processes, timeout=10)[1] == []


END = """
import atexit, sys, threading, time
from pgstudy.cli import forkserver

def command():
    atexit.register(print, "registered")
    threading.Thread(target=lambda: (time.sleep(0.2), print("a thread"))).start()
    print("said", end=" ")
    sys.exit(int(sys.argv[1]))

forkserver.run = command
forkserver._run()
"""


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_job_is_to_do_at_its_end_is_done(code):
    """Though its process ends at once after a success."""
    command = [sys.executable, "-c", END, str(code)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("said a thread\nregistered\n", code)


def test_a_server_that_who_calls_has_named_is_used(call, tmp_path):
    """And none is started beside it; one that is gone is replaced."""
    for given, used in (call[1], True), ({FORKSERVER: "pgstudy--gone"}, False):
        process, variable = start_call(tmp_path, **given)
        assert (variable == given) == used
        assert len(psutil.Process(process.pid).children()) == int(not used)
        assert pgstudy(variable, "--version").returncode == 0
        process.communicate("")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["settings"],
        ["tables", "no/study.json"],
        ["train", "{}"],
        ["no-such-command"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_output_and_exit_code_are_those_of_a_command_by_itself(call, arguments):
    """In another folder, with another variable, with words in the log."""
    forked, alone = pgstudy(call[1], *arguments), pgstudy({}, *arguments)
    assert (forked.stdout, forked.stderr) == (alone.stdout, alone.stderr)
    assert forked.returncode == alone.returncode


def test_folder_variables_and_input_are_those_of_who_asks(call, tmp_path):
    """A config file of this folder, by its relative name; a log written there."""
    (tmp_path / "here.yaml").write_text("study: [")
    done = pgstudy(call[1], "--log", "log", "check", "here.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert "here.yaml" in done.stderr
    assert (tmp_path / "log").read_text().partition("\n")[2] == done.stderr
    wide = pgstudy(call[1] | {"COLUMNS": "200"}, "--help")
    assert max(map(len, wide.stdout.splitlines())) > 150


def started(call, folder):
    """A training job: who asked, the job, and the process of its run."""
    block = next(iter(load_study(CRASH).blocks()))
    asking = subprocess.Popen(
        ["pgstudy", "train", block.to_json()],
        cwd=folder,
        env=os.environ | call[1],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (runs := states.running(folder / "results")) or (
        psutil.Process(runs[0].pid).ppid() == call_server(call).pid
    ):
        assert asking.poll() is None
        time.sleep(0.05)
    run = psutil.Process(runs[0].pid)
    assert run.parent().parent() == call_server(call)
    return asking, run.parent(), run


def call_server(call):
    (server,) = psutil.Process(call[0].pid).children()
    return server


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_ends_with_who_asked_for_it(call, tmp_path, how):
    """Told to end, both end in the same way; killed, the job is killed."""
    asking, job, run = started(call, tmp_path)
    asking.send_signal(how)
    assert gone([job, run])
    assert asking.wait() == (128 + how if how == signal.SIGTERM else -how)
    assert call_server(call).is_running()


def test_who_asked_ends_as_its_job_was_ended(call, tmp_path):
    """Snakemake sees the signal, as it does without the server."""
    asking, job, run = started(call, tmp_path)
    job.kill()
    assert asking.wait() == -signal.SIGKILL
    assert gone([run])


def test_code_of_another_place_is_not_served(call):
    """Another clone's command runs its own code."""
    code = (
        "import sys; from pgstudy import launch; launch.FOLDER = '/another'; "
        "sys.argv = ['pgstudy', '--version']; launch.main()"
    )
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(
        command, env=os.environ | call[1], capture_output=True, text=True
    )
    assert done.stdout == pgstudy({}, "--version").stdout
    assert "pgstudy.cli.panels" in done.stderr


def test_a_killed_server_takes_its_jobs_along_and_is_done_without(tmp_path):
    """A message; and the next command works by itself."""
    call = start_call(tmp_path)
    asking, job, run = started(call, tmp_path)
    call_server(call).kill()
    assert gone([job, run])
    assert "the process that started this job was killed" in asking.communicate()[1]
    assert asking.returncode == 1
    assert pgstudy(call[1], "--version").returncode == 0
    call[0].communicate("")


def test_sigterm_waits_for_a_lock_that_the_main_thread_holds():
    """As Snakemake's handler does; it would wait for itself."""
    lock, handled = threading.Lock(), threading.Event()

    def handler(*_):
        with lock:
            handled.set()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        let_sigterm_wait()
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not handled.wait(0.2)
        assert handled.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_server_ends_with_its_call(tmp_path):
    """However that ends: here by a kill."""
    call = start_call(tmp_path)
    asking, job, run = started(call, tmp_path)
    server = call_server(call)
    call[0].kill()
    call[0].wait()
    assert gone([server, job, run])
    assert asking.wait() == 1
