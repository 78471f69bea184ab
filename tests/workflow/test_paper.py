"""Published values, the paper set and `snakemake verify`, by real Snakemake calls."""

import json
import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest
import safetensors.torch
import yaml

from pgstudy.experiment.store.record import read_record, write_record
from pgstudy.experiment.system.files import file_digest
from tests.conftest import ROOT
from tests.warm import pgstudy
from tests.workflow.project import NOTHING, Project

BOOK = yaml.safe_load((ROOT / "config/sutton_barto.yaml").read_text())
SMALL = BOOK | {
    "study": "small",
    "seeds": 5,
    "bins": 30,
    "published": ["example.yaml", "figure.yaml"],
}
SMALL["environments"] = [BOOK["environments"][0] | {"episodes": 30}]
SMALL["estimators"] = BOOK["estimators"][:1]
FIGURE = {
    "source": "A Book",
    "item": "Figure 1.2",
    "page": 3,
    "figure": {
        "y": [-90, -10],
        "line": {"value": -11.656854, "label": "v*(s0)"},
        "cells": [
            {"estimator": "reward-to-go", "step_size": "2^-12"},
            {"estimator": "reward-to-go", "step_size": "2^-13"},
        ],
    },
    "checks": [
        {
            "id": "early",
            "kind": "published",
            "why": "for this test",
            "cell": {"estimator": "reward-to-go", "step_size": "2^-12"},
            "mean_return": [1, 30],
            "value": -60,
            "tolerance": 40,
        }
    ],
}


NOT_REMADE = {
    "study.json",
    "tracked.json",
    "in-mlflow",
    "accepted",
    "verification.json",
}


class Paper(Project):
    """A folder with a small study of the book and two published tables."""

    def __init__(self, folder):
        super().__init__(folder, SMALL)
        self.publish(FIGURE)
        example = ROOT / "config/published/example_13_1.yaml"
        shutil.copy(example, folder / "example.yaml")
        self.made = self.results / "small"

    def publish(self, figure):
        (self.folder / "figure.yaml").write_text(yaml.safe_dump(figure))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, migrated):
    """The small study, made once."""
    project = Paper(tmp_path_factory.mktemp("paper"))
    project.give_store(migrated)
    project.log_text = project.succeed(alone=True)
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy, to be changed."""
    return finished.copy(tmp_path / "copy")


def test_one_call_leaves_comparison_paper_set_and_report(finished):
    """Every file, each check passed and printed."""
    assert sorted(p.name for p in (finished.made / "paper").iterdir()) == [
        "example-13.1.pdf",
        "example-13.1.png",
        "example-13.1.svg",
        "figure-1.2.pdf",
        "figure-1.2.png",
        "figure-1.2.svg",
        "numbers.tex",
        "table.tex",
    ]
    table = pd.read_csv(finished.made / "acceptance.csv")
    assert set(table.verdict) == {"pass"}
    cell = "reward-to-go, N = 1, learning rate 2^-12"
    assert f"| Figure 1.2 | {cell} |" in finished.log_text
    report = (finished.made / "report.html").read_text()
    assert "10 of 10</b> published values met" in report
    assert report.count("data:image/png;base64,") == 5 + 2
    assert finished.snakemake().text.count(NOTHING) == 1


def test_a_value_outside_its_tolerance_is_an_error_after_the_report(project):
    """Exit code not 0, the value by name, and a report that shows it."""
    wrong = json.loads(json.dumps(FIGURE))
    wrong["checks"][0] |= {"value": -10, "tolerance": 1}
    project.publish(wrong)
    result = project.snakemake()
    assert result.returncode != 0
    assert "1 of 10 values are outside their tolerance: Figure 1.2, rew" in result.text
    assert "Traceback" not in result.text
    report = (project.made / "report.html").read_text()
    assert "9 of 10</b> published values met" in report
    assert "<b>fail</b>: outside the tolerance" in report
    project.publish(FIGURE)
    assert "train" not in project.jobs()
    project.succeed()


def test_everything_can_be_made_by_hand_from_study_json_alone(project, tmp_path):
    """From another folder, and after the published tables are gone."""
    (project.folder / "figure.yaml").unlink()
    file = project.made / "study.json"
    before = (project.made / "report.html").read_bytes()
    for name in ("tables", "paper", "figures"):
        shutil.rmtree(project.made / name)
    (project.made / "acceptance.csv").unlink()
    (project.made / "claims.csv").unlink()
    steps = ["tables", "claims", "paper", "compare", "figures", "paper", "accept"]
    for step in [*steps, "report"]:
        done = pgstudy(step, file, folder=tmp_path)
        early = step == "paper" and not (project.made / "acceptance.csv").exists()
        assert done.returncode == int(early), done.stderr
        assert ("run `pgstudy compare` first" in done.stderr) == early
        assert (project.made / "paper").exists() == (
            done.returncode == 0 and step in ("paper", "accept", "report")
        )
    assert (project.made / "report.html").read_bytes() == before


def test_a_study_that_names_nothing_published_is_verified_too(project):
    """Its paper set is its own figures."""
    project.write({k: v for k, v in SMALL.items() if k != "published"})
    text = project.succeed("verify")
    assert "verified: 3 of 3 runs identical" in text
    assert (project.made / "paper" / "final_return-ShortCorridor-v0.pdf").exists()
    result = pgstudy("accept", project.made / "study.json", folder=ROOT)
    assert result.returncode == 1
    assert "names no published values" in result.stderr


def test_one_seed_and_stuck_runs_have_a_table_and_a_report(project):
    """No interval is not "exact", and all runs stuck is a verdict with its reason."""
    stuck = json.loads(json.dumps(SMALL)) | {"study": "stuck", "seeds": 1}
    stuck["environments"][0] |= {"max_episode_steps": 5}
    project.write(stuck)
    result = project.snakemake()
    assert result.returncode != 0
    assert "(no run finished)" in result.text
    made = project.results / "stuck"
    table = (made / "paper" / "table.tex").read_text()
    (row,) = [line for line in table.splitlines() if "episodes 1 to 30" in line]
    assert "exact" not in row
    assert (
        "stuck, an episode was cut after 5 steps" in (made / "report.html").read_text()
    )


def test_verify_makes_everything_again(finished):
    """A run of each cell, all tables, figures, the paper set and the report.

    The report says so, and is itself the same the next time.
    """
    for _ in range(2):
        text = finished.succeed("verify")
        found = json.loads((finished.made / "verification.json").read_text())["files"]
        files = f"{len(found)} of {len(found)} files identical"
        assert f"verified: 3 of 3 runs identical, {files}" in text
        assert set(found.values()) == {True}
        report = (finished.made / "report.html").read_text()
        assert f"Verified: 3 of 3 runs identical, {files}" in report
    made = {
        str(p.relative_to(finished.made))
        for p in finished.made.rglob("*")
        if p.is_file() and p.name not in NOT_REMADE and ".digests" not in p.parts
    }
    assert made == set(found)


def test_verify_finds_a_changed_byte(project):
    """A table, a figure, the comparison: each file is named, the exit code not 0.

    By hand: `snakemake verify` would make them again before.
    """
    names = {"tables/curves.csv", "paper/figure-1.2.pdf", "acceptance.csv"}
    for name in names:
        file = project.made / name
        content = file.read_bytes()
        other = b"8" if content[-3:-2] == b"9" else b"9"
        file.write_bytes(content[:-3] + other + content[-2:])
    result = pgstudy("verify", project.made / "study.json", folder=project.folder)
    assert result.returncode == 1
    for name in names:
        assert f"{name}: these runs give another file" in result.stderr
    assert "Traceback" not in result.stderr
    found = json.loads((project.made / "verification.json").read_text())["files"]
    assert {name for name, same in found.items() if same is False} == names


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_numbers_and_table_compile(finished, tmp_path):
    """A document that quotes every number; twice the same bytes."""
    paper = finished.made / "paper"
    text = (paper / "numbers.tex").read_text()
    keys = [line.split("{")[1].split("}")[0] for line in text.splitlines()[3:]]
    assert "small/figure-1.2/early/ours" in keys
    quotes = "\n".join(rf"\pg{{{key}}}, " for key in keys)
    document = (
        r"\documentclass{article}\usepackage{graphicx}\input{"
        + str(paper / "numbers")
        + r"}\begin{document}"
        + quotes
        + r"\input{"
        + str(paper / "table")
        + "}"
        + r"\includegraphics{"
        + str(paper / "figure-1.2")
        + r"}\end{document}"
    )
    (tmp_path / "a.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    (tmp_path / "a.tex").write_text(document.replace(keys[0], "small/no-such-number"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "pgstudy has no number 'small/no-such-number'" in done.stdout


def test_verify_names_a_run_that_is_not_what_it_was(project):
    """One weight changed, and all records made to fit."""
    folder = next(project.results.glob("runs/*/reward-to-go/N1/seed0-*"))
    weights = safetensors.torch.load_file(folder / "policy.safetensors")
    weights["layer0.weight"] += 1e-3
    safetensors.torch.save_file(weights, folder / "policy.safetensors")
    record = read_record(folder)
    files = {name: file_digest(folder / name) for name in record.files}
    write_record(folder, replace(record, files=files, digest="0" * 64))
    everything = SMALL | {"verify": {"runs": "all"}}
    project.write(everything)
    result = project.snakemake("verify")
    assert result.returncode != 0
    assert "verified: 14 of 15 runs identical" in result.text
    name = f"{record.environment} reward-to-go N=1"
    assert name in result.text.split("not what was made before:")[1]
    assert "the policy or an evaluation is not" in result.text
