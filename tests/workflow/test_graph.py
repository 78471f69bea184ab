"""Complete blocks are not in the graph of jobs; what follows them is made again."""

import os
import re
import shutil

import pytest

from pgstudy.analysis.common.parts import measured_cell
from pgstudy.experiment.study.study_file import STUDY_FILE, read_study
from tests.workflow.project import NOTHING, smoke_study

# manifests as inputs; those of the first environment's measured run are made newer
NEEDS = {"tables": 1, "measure": 3, "gradients": 1, "track": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The smoke study; only to be looked at."""
    return smoke_study(tmp_path_factory)


def trainings(text):
    """How many training jobs Snakemake has in its graph, by its own words."""
    return len(set(re.findall(r"selected job train\n +wildcards: (\S+)", text)))


def test_only_blocks_that_need_a_job_are_in_the_graph(finished, tmp_path):
    """One of six, once one of its runs is lost."""
    project = finished.copy(tmp_path / "copy")
    text = project.succeed("-n", "--debug-dag")
    assert "selected job tables" in text
    assert trainings(text) == 0
    assert NOTHING in text
    shutil.rmtree(sorted(project.run_folders())[0])
    assert trainings(project.succeed("-n", "--debug-dag")) == 1


@pytest.mark.parametrize("records", [True, False])
def test_a_newer_manifest_makes_again_what_rests_on_it(finished, tmp_path, records):
    """As after a call that was killed between a training and the tables.

    Snakemake's own records of inputs hold their digests, and a manifest that is the
    same text is no change to them; without them the time decides.
    """
    project = finished.copy(tmp_path / "copy")
    if not records:
        shutil.rmtree(project.folder / ".snakemake")
    study = read_study(project.results / "smoke" / STUDY_FILE)
    cell = measured_cell(study, study.environments[0], study.estimators[0])
    for manifest in (project.results / "manifests" / cell.folder).glob("*.json"):
        os.utime(manifest)
    planned = project.jobs()
    assert "train" not in planned
    assert {rule: planned.get(rule, 0) for rule in NEEDS} == (
        dict.fromkeys(NEEDS, 0) if records else NEEDS
    )


def test_reports_and_lists_have_the_whole_graph(finished):
    """So has a call that is told to make all of it again."""
    manifests = {
        str(file.relative_to(finished.folder))
        for file in finished.results.glob("manifests/*/*/*/*.json")
    }
    assert len(manifests) == 6
    lines = finished.succeed("--summary").splitlines()
    assert manifests <= {line.split("\t")[0] for line in lines}
    assert finished.jobs("--forceall")["train"] == 6
    assert finished.jobs("--forcerun", "train")["train"] == 6
