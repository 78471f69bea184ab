"""The wheel in an empty folder: built, installed without the checkout, run for real.

What it needs is not downloaded: it sees the packages of the Python that it is made by.
A Python of another version is used if one on this machine has them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.warm import variables
from tests.workflow.project import NOTHING, Project

VERSIONS = ("3.11", "3.12", "3.13")
THIS = "{}.{}".format(*sys.version_info)
PROJECT = ("Snakefile", "workflow", "profiles", "config")
BUILT_FROM = (*PROJECT, "src", "pyproject.toml", "setup.py", "README.md", "LICENSE")
PACKAGES = ("gymnasium", "mlflow", "snakemake", "torch", "typer")
WHAT = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
HAS = f"from importlib.util import find_spec; assert all(map(find_spec, {PACKAGES}))"
FIRST = yaml.safe_load((ROOT / "config/first.yaml").read_text())


def run(*command, **settings):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, **settings
    )


def succeed(*command, **settings):
    done = run(*command, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments, **settings):
    return succeed(sys.executable, "-m", "pip", "--quiet", *arguments, **settings)


def pythons(version):
    """Those of a version that start; a shim of pyenv's may stand for none."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [*os.environ["PATH"].split(":"), *pyenv.glob(f"versions/{version}.*/bin")]
    files = [sys.executable] if version == THIS else []
    files += [file for place in places if (file := shutil.which(name, path=place))]
    return [file for file in files if run(file, "-c", "").returncode == 0]


class Installed:
    """A new environment with the wheel, and an empty folder to work in."""

    def __init__(self, folder, wheel, python):
        self.place, self.folder = folder / "venv", folder / "work"
        self.folder.mkdir(parents=True)
        succeed(python, "-m", "venv", "--without-pip", self.place)
        self.python = self.place / "bin" / "python"
        self.packages = Path(succeed(self.python, "-c", WHAT).strip())
        # a path file names a folder and reads no path files there: not the checkout's
        (self.packages / "more.pth").write_text(succeed(python, "-c", WHAT))
        pip("--python", self.python, "install", "--no-deps", "--no-index", wheel)

    def call(self, *words):
        """`pgstudy`, with no other one on PATH."""
        program = self.place / "bin" / "pgstudy"
        own = {k: v for k, v in variables().items() if k != "PYTHONPATH"}
        environment = own | {"PATH": os.defpath}
        done = run(program, *words, cwd=self.folder, env=environment)
        return done.returncode, done.stdout + done.stderr

    def says(self, code):
        return succeed(self.python, "-c", code, cwd=self.folder).strip()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """What a wheel is built from, elsewhere: building leaves folders behind."""
    folder = tmp_path_factory.mktemp("sources")
    cut = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=cut)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def build(sources, place):
    """A wheel, with the setuptools that is here."""
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", place, sources)
    (wheel,) = place.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    return build(sources, tmp_path_factory.mktemp("wheel"))


def names(wheel):
    """What it has beside its own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {n for n in archive.namelist() if ".dist-info/" not in n}


def test_a_wheel_has_the_package_and_what_a_run_needs(wheel, sources):
    """All of that and nothing else."""
    wanted = {
        str(file.relative_to(sources / "src"))
        for file in (sources / "src").rglob("*")
        if file.suffix in (".py", ".j2", ".js")
    }
    for name in PROJECT:
        files = [sources / name, *(sources / name).rglob("*")]
        inside = [file.relative_to(sources) for file in files if file.is_file()]
        wanted |= {f"pgstudy/project/{file}" for file in inside}
    found = names(wheel)
    assert found == wanted
    assert "pgstudy/project/workflow/schemas/config.schema.yaml" in found
    top = {name.split("/")[2] for name in found if name.startswith("pgstudy/project/")}
    assert top == set(PROJECT)  # no tests, no results


def test_a_wheel_of_an_sdist_is_the_same(wheel, sources, tmp_path):
    """As `python -m build` makes one."""
    code = (
        f"from setuptools.build_meta import build_sdist; build_sdist({str(tmp_path)!r})"
    )
    succeed(sys.executable, "-c", code, cwd=sources)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path, filter="data")
    folder = tmp_path / archive.name.removesuffix(".tar.gz")
    assert names(build(folder, tmp_path)) == names(wheel)


def test_an_editable_install_uses_the_files_where_they_are(sources, tmp_path):
    """As `make` has it: one path, and no copy."""
    python = tmp_path / "venv/bin/python"
    succeed(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    # setuptools is not in the new environment, so pip comes from this one
    target = succeed(python, "-c", WHAT).strip()
    pip("install", *options, "--target", target, "--editable", sources)
    ask = "from pgstudy.experiment.system import places as p; "
    said = succeed(python, "-c", ask + "print(p.INSTALLED, p.SNAKEFILE)", cwd=tmp_path)
    assert said.split() == ["False", str(sources / "Snakefile")]
    assert not (sources / "src/pgstudy/project").exists()


@pytest.mark.parametrize("version", VERSIONS)
def test_each_python_takes_the_wheel(wheel, tmp_path, version):
    """Its metadata allows it, and every module is compiled without a warning."""
    if not (found := pythons(version)):
        pytest.skip(f"there is no Python {version} on this machine")
    installed = Installed(tmp_path, wheel, found[0])
    package = installed.packages / "pgstudy"
    succeed(installed.python, "-W", "error", "-m", "compileall", "-q", "-f", package)
    ask = "from pgstudy.experiment.system.places import SNAKEFILE as s; print(s)"
    assert installed.says(ask) == str(package / "project" / "Snakefile")


@pytest.fixture(scope="module", params=VERSIONS)
def installed(request, wheel, tmp_path_factory):
    """An environment in which the first study was run, as the README has it."""
    found = [p for p in pythons(request.param) if run(p, "-c", HAS).returncode == 0]
    if not found:
        pytest.skip(f"no Python {request.param} on this machine has the packages")
    made = Installed(tmp_path_factory.mktemp("installed"), wheel, found[0])
    assert made.says("import pgstudy; print(pgstudy.__file__)") == str(
        made.packages / "pgstudy" / "__init__.py"
    )
    code, said = made.call("init")
    assert (code, said.splitlines()[-1]) == (0, "  pgstudy run study.yaml")
    code, made.said = made.call("run", "study.yaml", "--cores", "2")
    assert code == 0, made.said
    return made


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The same study by the checkout, as far as its tables."""
    project = Project(tmp_path_factory.mktemp("checkout") / "work", FIRST)
    project.succeed("results/first/tables/summary.csv")
    return project


def digests(results):
    records = [json.loads(f.read_text()) for f in results.glob("runs/**/run.json")]
    return {(r["estimator"], r["n"], r["seed"]): r["digest"] for r in records}


def test_the_first_study_runs_without_a_checkout(installed):
    """From the wheel alone; the line that it prints is Snakemake's."""
    snakefile = installed.packages / "pgstudy/project/Snakefile"
    line = f"snakemake --cores 2 --snakefile {snakefile} --configfile study.yaml"
    assert line in installed.said.splitlines()
    results = installed.folder / "results"
    assert "<html" in (results / "first/report.html").read_text()
    assert {p.name for p in installed.folder.iterdir()} == {
        *("study.yaml", "results", ".snakemake")
    }
    said = [r["made_by"]["git"] for r in map(json.loads, _records(results))]
    assert {s["commit"] for s in said} == {None}
    assert re.fullmatch(r"pgstudy [\d.]+ was installed from a wheel", said[0]["reason"])
    assert str(ROOT) not in "".join(f.read_text() for f in results.rglob("*.log"))


def _records(results):
    return [file.read_text() for file in results.glob("runs/**/run.json")]


def test_its_bits_are_those_of_a_checkout(installed, checkout):
    """Of every run, and of the tables."""
    found = digests(installed.folder / "results")
    assert len(found) == 25
    assert found == digests(checkout.results)
    name = "first/tables/scores.csv"
    ours = installed.folder / "results" / name
    assert ours.read_bytes() == (checkout.results / name).read_bytes()


def test_a_checkout_has_nothing_to_do_with_its_results(installed):
    """The digests of all steps are the same, too. It makes the capsule and no more."""
    project = Project(installed.folder)
    assert NOTHING in project.succeed("-n")
    assert project.jobs("capsule") == {"capsule": 1}


def test_what_needs_a_checkout_says_so(installed):
    """And what does not, works."""
    study = "results/first/study.json"
    for words, code, word in (
        (("init",), 1, "study.yaml is there already; name another file"),
        (("doctor", study), 0, "first: 25 of 25 runs are here, current and sound"),
        (("capsule", "pack", study), 1, "in a checkout of the same version call"),
        (("prune",), 1, "name the files of your studies by --config"),
        (("prune", "--config", "study.yaml"), 0, "0 runs: no study asks for them"),
    ):
        found, said = installed.call(*words)
        assert (found, word in said) == (code, True), said
        assert "Traceback" not in said
