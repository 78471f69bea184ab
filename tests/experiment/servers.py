"""PostgreSQL and `mlflow server` on loopback, started for tests and benchmarks."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def programs_of_postgresql():
    """Their folder; None where PostgreSQL is not installed."""
    if folders := sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        return folders[-1]
    found = shutil.which("postgres")
    return Path(found).parent if found else None


def as_postgres(*command):
    """PostgreSQL's programs refuse to be run by root."""
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*user, *command], check=True, capture_output=True)


@contextlib.contextmanager
def postgresql():
    """The address of an empty database, which is gone afterwards."""
    programs = programs_of_postgresql()
    folder = Path(tempfile.mkdtemp(prefix="pgstudy-postgres-", dir="/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    as_postgres(programs / "initdb", "-D", data, "-A", "trust", "-U", "mlflow")
    control = (programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
    as_postgres(*control, "-o", options, "start")
    try:
        yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    finally:
        as_postgres(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


class Server:
    """`mlflow server`, to be started and killed; `options` and `variables` are more."""

    def __init__(self, backend, folder, *options, workers=1, **variables):
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        kept = ["--backend-store-uri", backend, "--artifacts-destination", str(folder)]
        self.command = [sys.executable, "-m", "mlflow", "server", *where, *kept]
        self.command += ["--workers", str(workers), *options]
        # it keeps runs alone: none of the eight processes for MLflow's jobs
        self.variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"} | variables
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=5)
                return
            assert self.process.poll() is None, "the server ended"
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
