"""The examples with an estimator and a network of one's own, as readers run them."""

import shutil
import zipfile

import pandas as pd
import pytest
import yaml

from tests.commands import pgstudy
from tests.conftest import ROOT
from tests.workflow.project import Project

EXAMPLES = ROOT / "config/examples"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The example, smaller, in a folder of its own, with all its products."""
    config = yaml.safe_load((EXAMPLES / "own_estimator.yaml").read_text())
    config |= {"seeds": 3, "sample_counts": [2, 4]}
    config["gradients"] = {"batches": 40, "env_steps": 4000}
    config["environments"][0]["episodes"] = 40
    made = Project(tmp_path_factory.mktemp("own") / "made", config)
    shutil.copy(EXAMPLES / "median.py", made.folder)
    made.succeed()
    return made


def test_the_module_is_a_few_lines():
    """What the docs promise."""
    lines = (EXAMPLES / "median.py").read_text().splitlines()
    assert len(lines) <= 15


def test_the_report_says_what_it_computes(project):
    """Unbiased, beside the built-in one; its own code is named in the glossary."""
    folder = project.results / "own-estimator"
    proofs = pd.read_csv(folder / "proofs.csv")
    assert set(proofs["estimator"]) == {"leave-one-out", "median"}
    assert set(proofs["verdict"]) == {"unbiased"}
    page = (folder / "report.html").read_text()
    assert "What each estimator computes" in page
    assert "w_it is what median:median gives" in page
    assert pd.read_csv(folder / "tables/summary.csv")["finished"].tolist() == [3] * 4


def test_an_edit_of_it_trains_its_own_runs_again(project, tmp_path):
    """And the proofs are made again; the built-in estimator's runs are kept."""
    copy = project.copy(tmp_path / "edited")
    assert copy.jobs() == {}
    text = (copy.folder / "median.py").read_text()
    (copy.folder / "median.py").write_text(text.replace("np.median(", "np.max("))
    planned = copy.jobs()
    assert planned["train"] == 2  # a block for each N
    assert planned["proofs"] == 1
    copy.succeed()
    proofs = pd.read_csv(copy.results / "own-estimator/proofs.csv")
    assert set(proofs["verdict"]) == {"unbiased"}  # the best of the others is, too


def test_its_code_travels_in_the_capsule(project, tmp_path):
    """Packed, unpacked and checked elsewhere by the code that is in it."""
    copy = project.copy(tmp_path / "packed")
    copy.succeed("capsule")
    capsule = copy.results / "own-estimator/capsule.zip"
    code, said = pgstudy("capsule", "check", capsule, cwd=tmp_path)
    assert code == 0, said
    names = zipfile.ZipFile(capsule).namelist()
    assert any(name.endswith("code/median.py") for name in names)


def test_a_network_of_ones_own_is_trained_saved_and_read_again(tmp_path):
    """Its study beside the built-in layers; an edit trains its own runs again."""
    config = yaml.safe_load((EXAMPLES / "own_network.yaml").read_text())
    config |= {"seeds": 2, "sample_counts": [4]}
    config["gradients"] = {"batches": 20, "env_steps": 2000}
    config["defaults"] |= {"env_steps": 2000, "evaluation_episodes": 2}
    made = Project(tmp_path / "made", config)
    shutil.copy(EXAMPLES / "skip.py", made.folder)
    made.succeed()
    folder = made.results / "own-network"
    assert pd.read_csv(folder / "tables/summary.csv")["finished"].tolist() == [2, 2]
    assert set(pd.read_csv(folder / "gradients/skip.csv")["at"]) >= {"start", "end"}
    code, said = pgstudy("check", made.config, cwd=made.folder)
    assert (code, "your code: skip.py" in said) == (0, True)
    text = (made.folder / "skip.py").read_text()
    (made.folder / "skip.py").write_text(text.replace("0.01", "0.02"))
    assert made.jobs()["train"] == 1
