"""A project's folder, real Snakemake calls in it, and what they left there."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import yaml
from filelock import FileLock

from tests import warm
from tests.commands import interruptible
from tests.conftest import ROOT, SMOKE
from tests.warm import variables

NOTHING = "Nothing to be done"
TUNED = {
    "study": "tuned",
    "seeds": 2,
    "sample_counts": [1, 4],
    "bins": 4,
    "gradients": {"batches": 20, "env_steps": 4000},
    "tune": {"seeds": 2},
    "defaults": {"evaluation_episodes": 0},
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "name": "corridor",
            "episodes": 16,
            "max_episode_steps": 50,
            "optimizer": {
                "learning_rate": {1: [2**-12, 2**-10], 4: [2**-9, 2**-7]},
            },
        }
    ],
    "estimators": [{"name": "total-return"}],
}

CRASH = {
    "study": "crash",
    "seeds": 6,
    "seeds_per_job": 3,
    "sample_counts": [1],
    "bins": 10,
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "env_steps": 60_000,
            "optimizer": {"learning_rate": 1e-4},
        }
    ],
    "estimators": [{"name": "total-return"}],
}


def summary(study="smoke"):
    """The target behind training and before all drawing."""
    return f"results/{study}/tables/summary.csv"


def by_itself(command, place, environment):
    """A call with all that a user's has: its own imports, and its own fork server."""
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True
    )


class Project:
    """A working folder, its config and the calls in it."""

    alone = False  # whether each call is one by itself

    def __init__(self, folder: Path, config=None):
        self.folder = folder
        self.results = folder / "results"
        self.config = folder / "study.yaml"
        folder.mkdir(exist_ok=True, parents=True)
        if config is not None:
            self.write(config)

    def write(self, config):
        self.config.write_text(yaml.safe_dump(config))

    def give_store(self, migrated):
        """An empty store of MLflow's, where the call would else take 3 s to make it."""
        self.results.mkdir()
        shutil.copy(migrated, self.results / "mlflow.db")

    def command(self):
        """The call, its folder and its variables."""
        command = ["snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile")]
        return [*command, "-d", str(self.folder)], ROOT, variables()

    def snakemake(self, *arguments, config=True, alone=False):
        """Forked from a process that has imported it (`tests.warm`), or by itself."""
        command, place, environment = self.command()
        command += arguments
        if config:
            command += ["--configfile", str(self.config)]
        run = by_itself if alone or self.alone else warm.run
        result = run(command, place, environment)
        result.text = result.stdout + result.stderr
        return result

    def succeed(self, *arguments, **options):
        result = self.snakemake(*arguments, **options)
        assert result.returncode == 0, result.text
        return result.text

    def jobs(self, *arguments):
        """Number of jobs by rule that a dry run plans."""
        text = self.succeed("-n", *arguments)
        if NOTHING in text:
            return {}
        lines = text.split("Job stats:")[1].splitlines()[3:]
        pairs = [line.split() for line in lines]
        stop = next(i for i, p in enumerate(pairs) if not p or p[0] == "total")
        return {name: int(count) for name, count in pairs[:stop]}

    def run_folders_json(self):
        return sorted(self.results.glob("runs/**/run.json"))

    def log(self):
        """What all training jobs said."""
        files = (self.results / "logs").rglob("*.log")
        return "\n".join(file.read_text() for file in files)

    def run_folders(self):
        """Those of complete runs, with the times of their records."""
        return {p.parent: p.stat().st_mtime_ns for p in self.run_folders_json()}

    def records(self):
        """What each run's run.json holds."""
        return [json.loads(file.read_text()) for file in self.run_folders_json()]

    def times(self):
        """When each file of the results was written."""
        return {p: p.stat().st_mtime_ns for p in self.results.rglob("*.*")}

    def copy(self, folder):
        """All of it in another place, with its times and Snakemake's records."""
        shutil.copytree(self.folder, folder)
        return type(self)(folder)


def once(tmp_path_factory, name, config):
    """A finished study that all workers of the session share, and nobody changes.

    The first who asks makes it, under a lock; what it said lies beside it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    project, said = Project(shared / name / "made"), shared / name / "said"
    with FileLock(shared / f"{name}.lock"):
        if not said.exists():
            project.write(config)
            said.write_text(project.succeed(alone=True))
    return project


def smoke_study(tmp_path_factory):
    """The smoke study with all its products."""
    return once(tmp_path_factory, "smoke", SMOKE)


def tuned_study(tmp_path_factory):
    """A study that chooses its learning rates, with all its products."""
    return once(tmp_path_factory, "tuned", TUNED)


class Clone(Project):
    """A project folder of its own, with the profile that the README's line reads."""

    def __init__(self, folder, config=CRASH):
        super().__init__(folder, config)
        shutil.copy(ROOT / "Snakefile", folder)
        for name in ("workflow", "profiles"):
            shutil.copytree(ROOT / name, folder / name)

    def line(self, *targets):
        """The call and its variables."""
        line = ["snakemake", *targets, "--cores", "2", "--configfile", "study.yaml"]
        return line, variables() | {"PGSTUDY_CHECKPOINT_SECONDS": "0.1"}

    def start(self, *targets, **environment):
        """By itself, in a process group of its own."""
        line, given = self.line(*targets)
        return subprocess.Popen(
            line,
            cwd=self.folder,
            env=given | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=interruptible,
        )

    def call(self, *targets):
        """The same to its end, forked (`tests.warm`): (exit code, text)."""
        line, given = self.line(*targets)
        result = warm.run(line, self.folder, given)
        return result.returncode, result.stdout + result.stderr

    def digests(self):
        return {record["seed"]: record["digest"] for record in self.records()}

    def wait_for_training(self):
        """Until a checkpoint is there and no run of this block is complete."""
        for _ in range(4800):
            if list(self.results.glob("runs/*/*/*/*/checkpoint")):
                time.sleep(0.2)
                return
            time.sleep(0.05)
        raise AssertionError("no training began")
