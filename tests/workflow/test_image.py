"""The image: linted everywhere, and built where a builder answers."""

import fnmatch
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def builder():
    """A command that can build, or a skip that says which there are."""
    for name in ("docker", "podman"):
        if shutil.which(name):
            done = subprocess.run([name, "info"], capture_output=True, timeout=60)
            if done.returncode == 0:
                return name
    pytest.skip("no docker or podman answers here, so the image is only linted")


def hadolint(text):
    if not shutil.which("hadolint"):
        pytest.skip("hadolint is not here: make .venv/installed")
    return subprocess.run(["hadolint", "-"], input=text, capture_output=True, text=True)


def test_hadolint_finds_nothing():
    done = hadolint(DOCKERFILE)
    assert done.returncode == 0, done.stdout


def test_hadolint_finds_what_is_planted():
    """A base without a tag."""
    done = hadolint(re.sub(r"(?m)^(FROM [\w]+):\S+", r"\1", DOCKERFILE))
    assert done.returncode != 0
    assert "DL3006" in done.stdout


def test_the_builder_is_sent_what_the_image_copies():
    """.dockerignore lets all of it through, and neither results nor history."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copies = re.findall(r"^COPY (.*) \S+$", DOCKERFILE, flags=re.MULTILINE)
    copied = {name for line in copies for name in line.split()}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert not any(fnmatch.fnmatch("results", name) for name in kept)


def test_the_image_has_its_commands_and_is_not_root():
    command = [builder(), "build", "--quiet", "--tag", "pgstudy:test", "."]
    subprocess.run(command, cwd=ROOT, check=True, timeout=800)
    code = "id -un && snakemake --version && pgstudy --version && touch file"
    run = [command[0], "run", "--rm", "--network", "none", "pgstudy:test"]
    done = subprocess.run([*run, "sh", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "pgstudy"
