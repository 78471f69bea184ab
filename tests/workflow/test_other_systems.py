"""docs/other-systems.md and the profiles name only options that there are.

Plugins say what settings they have in a dataclass. It is read as text, so that
none of the clouds' clients is needed (requirements-executors.lock).
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, SMALL
from tests.warm import variables
from tests.workflow.project import Clone, summary

PLACES = [Path(sysconfig.get_path("purelib")), Path(sys.prefix) / "executors"]
PAGE = ROOT / "docs/other-systems.md"
LOCK = ROOT / "requirements-executors.lock"
PROFILES = sorted(ROOT.glob("profiles/*/config.yaml"))
PINNED = [line for line in LOCK.read_text().splitlines() if "==" in line]
NAMES = [line.partition("==")[0] for line in PINNED]
EXECUTORS = [n.partition("executor-plugin-")[2] for n in NAMES if "executor" in n]
# What Snakemake itself makes of a rule's resources, whatever the system.
RESOURCES = {"mem_mb", "disk_mb", "runtime", "tmpdir"}


def package(name: str) -> Path:
    """The folder of a plugin's package, or a skip that says what is missing."""
    folders = [place / name.replace("-", "_") for place in PLACES]
    for folder in folders:
        if folder.is_dir():
            return folder
    pytest.skip(f"{name} is not here: make .venv/extras")


def trees(name: str) -> list[ast.Module]:
    return [ast.parse(file.read_text()) for file in package(name).rglob("*.py")]


def settings(name: str) -> list[str]:
    """The fields of a plugin's dataclass of settings; it may have none."""
    classes = [
        node
        for tree in trees(name)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and node.name in ("ExecutorSettings", "StorageProviderSettings")
    ]
    fields = [n for c in classes for n in c.body if isinstance(n, ast.AnnAssign)]
    return [field.target.id for field in fields if isinstance(field.target, ast.Name)]


def prefix(name: str) -> str:
    """As Snakemake puts it before a setting: s3's are `--storage-s3-...`."""
    kind, _, short = name.removeprefix("snakemake-").partition("-plugin-")
    return short if kind == "executor" else f"storage-{short}"


def of_plugin(name: str) -> set[str]:
    """Its options, and the variables that may stand for them."""
    words = [f"{prefix(name)}-{field}".replace("_", "-") for field in settings(name)]
    variables = {f"SNAKEMAKE_{w.upper()}".replace("-", "_") for w in words}
    return {f"--{word}" for word in words} | variables


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Snakemake's own, those of the plugins, and SLURM's."""
    from snakemake.cli import get_argument_parser

    actions = get_argument_parser()._actions
    known = {option for action in actions for option in action.option_strings}
    for name in [*NAMES, "snakemake-executor-plugin-slurm"]:
        known |= of_plugin(name)
    return known


def named(text: str) -> set[str]:
    """Options and variables in a text."""
    found = re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+|SNAKEMAKE_\w+", text)
    return set(found) - {"--all"}  # of `flux cancel`


def commands(text: str) -> list[list[str]]:
    """The command lines of a page, each as its words."""
    blocks = re.findall(r"^    (snakemake (?:.*\\\n)*.*)$", text, flags=re.MULTILINE)
    return [shlex.split(block.replace("\\\n", " ")) for block in blocks]


def resources(words: list[str]) -> set[str]:
    """What a command line sets for its rules, without the names of the rules."""
    asked, option = set(), ""
    for word in words:
        if word.startswith("--"):
            option = word
        elif option in ("--default-resources", "--set-resources"):
            asked.add(word.partition("=")[0].rpartition(":")[2])
    return asked


def strange(executor: str, asked: set[str]) -> set[str]:
    """Resources that neither Snakemake nor the plugin reads."""
    rest = asked - RESOURCES
    if not rest:
        return set()
    nodes = [
        n for t in trees(f"snakemake-executor-plugin-{executor}") for n in ast.walk(t)
    ]
    return rest - {n.value for n in nodes if isinstance(n, ast.Constant)}


def foreign(executor: str, words: set[str]) -> set[str]:
    """Options of another system's plugin."""
    others = set(EXECUTORS) - {executor}
    return {w for w in words for other in others if w.startswith(f"--{other}-")}


def test_the_page_names_only_options_that_there_are(options):
    assert named(PAGE.read_text()) - options == set()


def test_each_system_has_a_command_line_with_its_own_options():
    lines = [line for line in commands(PAGE.read_text()) if "--executor" in line]
    asked = {line[line.index("--executor") + 1]: line for line in lines}
    assert set(asked) | {"kubernetes"} == set(EXECUTORS)  # which has a profile
    for executor, line in asked.items():
        assert foreign(executor, set(line)) == set()
        assert strange(executor, resources(line)) == set()


@pytest.mark.parametrize("name", [n for n in NAMES if "executor" in n])
def test_what_a_plugin_requires_is_asked_for(name):
    """Fields with `"required": True` and no default of use."""
    fields = [
        n for t in trees(name) for n in ast.walk(t) if isinstance(n, ast.AnnAssign)
    ]
    required = {
        f"--{prefix(name)}-{field.target.id.replace('_', '-')}"
        for field in fields
        if "'required': True" in ast.unparse(field)
        and "default=None" in ast.unparse(field)
    }
    assert required - named(PAGE.read_text()) == set()


@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.parent.name)
def test_a_profile_names_only_options_that_there_are(file, options):
    """Its keys, and the lines that are there to be uncommented."""
    profile = yaml.safe_load(file.read_text())
    lines = re.findall(r"^# ([a-z0-9-]+):", file.read_text(), flags=re.MULTILINE)
    assert {f"--{key}" for key in [*profile, *lines] if key != "snakemake"} <= options
    executor = profile.get("executor")
    if executor:
        assert strange(executor, set(profile["default-resources"])) == set()


def test_resources_are_set_for_rules_that_there_are():
    """Snakemake says nothing of a rule that it does not know."""
    rules = "".join(file.read_text() for file in ROOT.glob("workflow/rules/*.smk"))
    for rule in re.findall(r" (\w+):\w+=", PAGE.read_text()):
        assert f"rule {rule}:" in rules, rule


def test_what_does_not_exist_is_found(options):
    """Planted: a misspelt option, one of another system, and a resource."""
    text = "`--kubernetes-namespaces`, `--jobs`, SNAKEMAKE_STORAGE_S3_KEY"
    planted = {"--kubernetes-namespaces", "SNAKEMAKE_STORAGE_S3_KEY"}
    assert named(text) - options == planted
    wrong = "    snakemake --executor lsf \\\n      --htcondor-jobdir x \\\n"
    wrong += "      --default-resources lsf_que=a mem_mb=1 --jobs 1\n"
    [line] = commands(wrong)
    assert foreign("lsf", set(line)) == {"--htcondor-jobdir"}
    assert strange("lsf", resources(line)) == {"lsf_que"}


def test_the_page_and_the_lock_name_the_same_versions():
    found = re.findall(r"`(snakemake-[\w-]+==[\d.]+)`", PAGE.read_text())
    assert sorted(found) == sorted(PINNED)


def test_plugins_are_here_in_their_versions():
    for line in PINNED:
        name, _, version = line.partition("==")
        folder = package(name).parent
        assert list(folder.glob(f"{name.replace('-', '_')}-{version}.dist-info"))


# A system to submit to, in three commands: a job is a process of this machine.
SUBMIT = """#!/bin/sh
( sh "$1" > /dev/null 2>&1; echo $? > "$1.ended" ) > /dev/null 2>&1 &
echo "$1"
"""
STATUS = """#!/bin/sh
[ -e "$1.ended" ] || { echo running; exit; }
[ "$(cat "$1.ended")" = 0 ] && echo success || echo failed
"""


def test_cluster_generic_trains_a_study_to_the_same_bits(tmp_path):
    """The page's line, with commands that start processes here."""
    package("snakemake-executor-plugin-cluster-generic")
    one, many = Clone(tmp_path / "one", SMALL), Clone(tmp_path / "many", SMALL)
    assert one.call(summary("small"))[0] == 0
    plugins = tmp_path / "plugins"  # with this one alone: Snakemake imports all
    plugins.mkdir()
    name = "snakemake_executor_plugin_cluster_generic"
    (plugins / name).symlink_to(package(name))
    for script, text in (("submit", SUBMIT), ("status", STATUS)):
        (many.folder / script).write_text(text)
        (many.folder / script).chmod(0o755)
    line = ["snakemake", summary("small"), "--configfile", "study.yaml"]
    line += ["--executor", "cluster-generic", "--jobs", "2"]
    line += ["--cluster-generic-submit-cmd", "./submit"]
    line += ["--cluster-generic-status-cmd", "./status"]
    line += ["--seconds-between-status-checks", "1"]
    given = variables() | {"PYTHONPATH": str(plugins)}
    done = subprocess.run(
        line, cwd=many.folder, env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert many.digests() == one.digests()
    assert "with external jobid" in done.stdout + done.stderr
