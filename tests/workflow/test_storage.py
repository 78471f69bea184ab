"""A study without a shared disk: jobs in empty folders, and a real server of S3.

The server is rclone's, which keeps objects as files of a folder. The jobs are those of
the executor in `plugins/`, which gives them what a pod has.
"""

import copy
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.conftest import ROOT, SMALL, SMOKE
from tests.experiment.servers import free_port
from tests.warm import variables
from tests.workflow.project import Clone, summary

RCLONE = ROOT / ".venv/bin/rclone"
PLUGINS = Path(__file__).with_name("plugins")
OF_SMALL = summary("small")
FAILING = """
import gymnasium

class Failing(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(2)
    action_space = gymnasium.spaces.Discrete(2)

    steps = 0

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        self.steps += 1
        if self.steps > 500:  # more than the trial of a config takes
            raise RuntimeError("the wheels came off")
        return 1, 0.0, False, False, {}

gymnasium.register("Failing-v0", Failing)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its address, and the folder of its bucket."""
    pytest.importorskip("snakemake_storage_plugin_s3")
    if not RCLONE.exists():
        pytest.skip("rclone is not here: make extras")
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    (folder / "bucket").mkdir()
    line = [RCLONE, "serve", "s3", "--auth-key", "somebody,secret", "--addr"]
    process = subprocess.Popen([*line, f"127.0.0.1:{port}", folder])
    address = f"http://127.0.0.1:{port}"
    while not answers(address):
        assert process.poll() is None
        time.sleep(0.1)
    yield address, folder / "bucket"
    process.terminate()
    process.wait()


def answers(address):
    try:
        urlopen(address)
    except HTTPError:  # it wants a signature
        return True
    except OSError:
        return False
    return True


class Elsewhere(Clone):
    """A project whose jobs have nothing of its folder."""

    def __init__(self, folder, config, server):
        super().__init__(folder, config)
        self.address, bucket = server
        self.prefix = folder.parent.name  # as for all clones of a test
        self.storage = bucket / self.prefix / "results"
        self.pods = folder.parent / f"{folder.name}-pods"
        self.pods.mkdir()

    def line(self, *targets):
        storage = [
            *("--executor", "elsewhere", "--jobs", "2", "--shared-fs-usage", "none"),
            *("--default-storage-provider", "s3"),
            *("--default-storage-prefix", f"s3://bucket/{self.prefix}"),
            *("--seconds-between-status-checks", "1"),
        ]
        line = ["snakemake", *targets, *storage, "--configfile", "study.yaml"]
        return line, variables() | {
            "PYTHONPATH": str(PLUGINS),
            "PODS": str(self.pods),
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": self.address,
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "somebody",
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "secret",
        }

    def call(self, *targets):
        """Forked, with the executor of `plugins/`."""
        # Snakemake sends the files that git knows
        (self.folder / ".gitignore").write_text("results\n.snakemake\n")
        subprocess.run(["git", "init", "-q"], cwd=self.folder, check=True)
        subprocess.run(["git", "add", "-A"], cwd=self.folder, check=True)
        return super().call(*targets)

    def archives(self):
        return sorted((self.storage / "jobs").glob("*.zip"))


def test_the_whole_line_has_the_bits_of_one_machine(tmp_path, server):
    """All but training is where snakemake is; no pod sees another's files."""
    one, many = (
        Clone(tmp_path / "one", SMOKE),
        Elsewhere(tmp_path / "many", SMOKE, server),
    )
    assert one.call(summary())[0] == 0
    code, text = many.call()
    assert code == 0, text
    assert sorted(r["digest"] for r in one.records()) == sorted(
        r["digest"] for r in many.records()
    )
    (archive,) = many.archives()
    with zipfile.ZipFile(archive) as content:
        assert {i.compress_type for i in content.infolist()} == {zipfile.ZIP_STORED}
        assert sum(n.endswith("run.json") for n in content.namelist()) == 12
    assert len(list(many.pods.glob("pod-*.log"))) == 1
    stored = {p.relative_to(many.storage).parts[0] for p in many.storage.rglob("*.*")}
    assert stored == {"jobs", "logs"}
    assert (many.results / "smoke/report.html").is_file()


def test_what_was_trained_is_taken_from_the_storage_again(tmp_path, server):
    """Even by a folder without results: its jobs have the same names."""
    first = Elsewhere(tmp_path / "first", SMALL, server)
    code, text = first.call(OF_SMALL)
    assert code == 0, text
    second = Elsewhere(tmp_path / "second", SMALL, server)
    code, text = second.call(OF_SMALL)
    assert code == 0, text
    assert second.digests() == first.digests()
    assert not list(second.pods.iterdir())


def test_an_archive_that_is_damaged_is_a_message(tmp_path, server):
    """Nothing of it counts; once it is removed, the next call trains."""
    clone = Elsewhere(tmp_path / "clone", SMALL, server)
    assert clone.call(OF_SMALL)[0] == 0
    (archive,) = clone.archives()
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    shutil.rmtree(clone.results)
    code, text = clone.call(OF_SMALL)
    assert code == 1
    assert "is damaged" in text
    assert "Traceback" not in text
    archive.unlink()
    assert clone.call(OF_SMALL)[0] == 0


def test_a_run_that_fails_is_told_and_tried_again(tmp_path, server):
    """The job ends well, since its other runs are kept."""
    config = copy.deepcopy(SMALL)
    config["register"] = "failing"
    bad = {"id": "Failing-v0", "env_steps": 4000, "max_episode_steps": 10}
    config["environments"].append(bad | {"optimizer": {"learning_rate": 0.1}})
    clone = Elsewhere(tmp_path / "clone", config, server)
    (clone.folder / "failing.py").write_text(FAILING)
    code, text = clone.call(OF_SMALL)
    assert code == 1
    assert "5 of 5 runs failed" in text
    reasons = [r["reason"] for r in clone.records() if r["status"] == "failed"]
    assert len(reasons) == 10
    assert all("the wheels came off" in reason for reason in reasons)
    sound = [r for r in clone.records() if r["status"] == "finished"]
    assert len(sound) == 10
    pods = len(list(clone.pods.glob("*.log")))
    assert clone.call(OF_SMALL)[0] == 1
    assert len(list(clone.pods.glob("*.log"))) == pods + 1
