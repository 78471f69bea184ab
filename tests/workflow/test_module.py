"""The workflow as a part of another one, and as Snakemake's catalogue wants it."""

import re

import pytest
import yaml

from pgstudy.experiment.system import places
from pgstudy.experiment.system.shared_disk import lock_of
from tests import warm
from tests.conftest import ROOT, SMALL
from tests.warm import variables
from tests.workflow.project import NOTHING

PAGE = (ROOT / "docs/usage.md").read_text()
SNAKEFILE = re.search(r"```python\n(.*?module study:.*?)```", PAGE, re.DOTALL)[1]


class Outer:
    """A folder with the Snakefile that docs/usage.md shows."""

    def __init__(self, folder, text=SNAKEFILE):
        self.folder = folder
        (folder / "Snakefile").write_text(text)
        (folder / "config.yaml").write_text(yaml.safe_dump({"study": SMALL, "top": 3}))

    def call(self, *arguments):
        command = ["snakemake", "--cores", "2", *arguments]
        done = warm.run(command, self.folder, variables())
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One whose call has ended."""
    outer = Outer(tmp_path_factory.mktemp("outer"))
    code, said = outer.call()
    assert code == 0, said
    return outer


def test_another_workflow_goes_on_from_a_studys_tables(made):
    """Its own rule has them as input; the study has all that it has by itself."""
    rows = (made.folder / "best.csv").read_text().splitlines()
    assert rows[0].startswith("environment,")
    assert len(rows) == 2
    results = made.folder / "results"
    assert len(list(results.glob("runs/**/run.json"))) == 10
    assert (results / "small/report.html").is_file()
    assert list((results / "logs").rglob("train/**/*.log"))


def test_its_second_call_has_nothing_to_do(made):
    code, said = made.call()
    assert (code, NOTHING in said) == (0, True), said
    assert "localrules" not in said


def test_no_two_such_calls_work_at_once(made):
    """Also where the handlers, which would say so, are left out."""
    alone = "".join(re.split(r"onstart:\n.*\n|onerror:\n.*\n", SNAKEFILE))
    assert "onstart" not in alone
    (made.folder / "alone.smk").write_text(alone)
    with lock_of(made.folder / "results" / places.CALL_LOCK):
        for file in ("Snakefile", "alone.smk"):
            code, said = made.call("-s", file, "--forcerun", "study_tables")
            assert code == 1
            assert "another snakemake call works on results/" in said


def test_a_prefix_is_refused_in_a_sentence(tmp_path):
    text = SNAKEFILE.replace("    config:", '    prefix: "sub"\n    config:')
    code, said = Outer(tmp_path, text).call("-n")
    assert code == 1
    assert "its module can't have a prefix" in said


def test_the_catalogue_finds_what_it_asks_for(tmp_path):
    """Words, a page of settings, flags, and a workflow/Snakefile, which is the same."""
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "config/README.md").is_file()
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert usage["usage"]["report"] is True
    stats = []
    for file in ("Snakefile", "workflow/Snakefile"):
        command = ["snakemake", "-n", "--cores", "1", "-s", str(ROOT / file)]
        done = warm.run(command, tmp_path, variables())
        assert done.returncode == 0, done.stderr
        text = (done.stdout + done.stderr).split("Job stats:")[1]
        rows = re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)
        stats.append({name: int(count) for name, count in rows})
    whole, catalogued = stats
    assert whole.pop("all") == catalogued.pop("study") == 1
    assert whole == catalogued
    assert whole["train"] > 1
