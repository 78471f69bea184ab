"""A study in a notebook: its tables are those of its files."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest

import pgstudy
from pgstudy import CantBeLoaded, load_policy, load_study
from pgstudy.analysis.common import columns as common
from pgstudy.analysis.common.columns import names
from pgstudy.analysis.notebook import columns
from pgstudy.analysis.outputs import read_tables
from pgstudy.analysis.tables.step import tables
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import EPISODES, UPDATES
from pgstudy.experiment.training.block import train_block
from pgstudy.experiment.training.saving import save_failure
from pgstudy.learning import dispatch
from tests import commands
from tests.conftest import SMALL

FINISHED, DIVERGED = "ShortCorridor-v0", "too-fast"
CONFIG = SMALL | {
    "seeds": 2,
    "environments": [
        *SMALL["environments"],
        {"id": "CartPole-v1", "name": DIVERGED, "env_steps": 2000}
        | {"optimizer": {"learning_rate": 1e38}},
    ],
}
KINDS = {str: ("str", "category"), int: ("int64", "Int64"), float: ("float64",)}
KINDS |= {bool: ("bool",)}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A planned and trained study; nobody changes it."""
    results = tmp_path_factory.mktemp("loaded") / "results"
    commands.pgstudy("plan", json.dumps(CONFIG), "--results", results)
    folder = load_study(results / "small").folder
    for block in folder.study.blocks():
        assert not train_block(folder.store, block)
    return results


@pytest.fixture
def own(results, tmp_path):
    """A copy, to be changed at will."""
    shutil.copytree(results, tmp_path / "results")
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("runs", columns.RUNS),
        ("updates", columns.SCHEMAS["loaded-updates"]),
        ("episodes", columns.SCHEMAS["loaded-episodes"]),
        ("summary", common.SUMMARY),
        ("curves", common.CURVES),
    ],
)
def test_the_columns_are_the_documented_ones(results, name, schema):
    """In their order, each of the type that docs/tables.md says."""
    table = getattr(load_study(results / "small"), name)
    assert len(table)
    assert list(table.columns) == names(schema)
    for column in schema:
        assert str(table[column.name].dtype) in KINDS[column.type], column.name


def test_runs_and_summary_are_those_that_the_step_writes(own):
    study = load_study(own / "small" / "study.json")
    tables(study.folder)
    written = read_tables(study.folder)
    for name in ("runs", "summary", "curves"):
        ours = getattr(study, name)[list(getattr(written, name).columns)]
        theirs = getattr(written, name)
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "file"), [("updates", UPDATES), ("episodes", EPISODES)]
)
def test_rows_are_those_of_each_run(results, name, file):
    """Value by value what the run's file holds, below the names of the run."""
    study = load_study(results / "small")
    table, runs = getattr(study, name), study.runs.set_index("key")
    assert list(dict.fromkeys(table["key"])) == list(runs.index)
    for key, rows in table.groupby("key", observed=True):
        own = pq.read_table(f"{runs.loc[key, 'folder']}/{file}").to_pandas()
        ours = rows[list(own.columns)].reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, own, check_dtype=False)
        for place in ("environment", "estimator", "n", "seed"):
            assert set(rows[place]) == {runs.loc[key, place]}


def test_every_run_is_a_row_whatever_became_of_it(own):
    """Finished, diverged, failed, missing, damaged."""
    study = load_study(own / "small")
    runs = study.folder.runs
    shutil.rmtree(runs[0].folder)
    (runs[1].folder / UPDATES).write_bytes(b"")
    made = Provenance(made_by={}, started=0.0)
    save_failure(runs[2], RuntimeError("no power"), made)
    found = study.runs
    corridor = found[found["environment"] == FINISHED]
    assert corridor["status"].tolist() == ["missing", "missing", "failed", "finished"]
    assert corridor["reason"].tolist()[1:3] == [f"{UPDATES} is damaged", "no power"]
    assert set(found[found["environment"] == DIVERGED]["status"]) == {"diverged"}
    assert found["env_steps"].dtype == "Int64"
    assert set(study.updates["key"]) == set(found["key"][3:])
    assert study.summary["finished"].tolist() == [0, 1, 0, 0]


def test_a_run_that_diverged_has_a_policy_without_actions(results):
    """Its weights are what they are; no action is made up."""
    runs = load_study(results / "small").runs
    policy = load_policy(runs[runs["status"] == "diverged"].iloc[0])
    with pytest.raises(ArithmeticError, match=r"not finite .*; the run diverged"):
        policy.act([0.1, 0.2, 0.3, 0.4])


def test_a_study_without_any_run_can_be_read(own):
    """One that was planned and not yet begun."""
    shutil.rmtree(own / "runs")
    study = load_study(own / "small")
    assert set(study.runs["status"]) == {"missing"}
    assert (len(study.updates), len(study.episodes)) == (0, 0)
    assert list(study.updates.columns) == names(columns.SCHEMAS["loaded-updates"])


def test_runs_are_those_that_were_planned(results):
    """Where numpy was imported first, runs planned now would have other keys."""
    code = (
        "import sys, numpy, pandas, pgstudy; from pgstudy.learning import dispatch;"
        "runs = pgstudy.load_study(sys.argv[1]).runs;"
        "print(dispatch.state(), *runs['status'].value_counts())"
    )
    free = {k: v for k, v in os.environ.items() if k not in dispatch.VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code, results / "small"],
        env=free,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{dispatch.AS_FOUND} 4 4\n"


def test_mistakes_say_what_to_do(own, tmp_path):
    """No such folder, a folder of studies, no study file, and one that was edited."""
    with pytest.raises(CantBeLoaded, match="not there; a study's folder is results/"):
        load_study(tmp_path / "nowhere" / "smoke")
    with pytest.raises(CantBeLoaded, match=rf"nearby are {own}/small$"):
        load_study(own / "smal")
    with pytest.raises(CantBeLoaded, match=rf"nearby are {own}/small$"):
        load_study(own)
    run = next(own.rglob("run.json"))
    with pytest.raises(CantBeLoaded, match=r"run.json is not a study file"):
        load_study(run)
    file = own / "small" / "study.json"
    file.write_text(file.read_text().replace('"small"', '"large"'))
    with pytest.raises(CantBeLoaded, match=r"is not what `pgstudy plan` wrote"):
        load_study(own / "small")


def test_importing_pgstudy_costs_nothing():
    """Neither numpy nor what is slower; but all names are there, and no other."""
    code = (
        "import sys, pgstudy;"
        "slow = {'numpy', 'pandas', 'torch', 'gymnasium', 'scipy'} & set(sys.modules);"
        "names = set(pgstudy.__all__) <= set(dir(pgstudy)); print(slow, names)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"
    assert all(getattr(pgstudy, name) for name in pgstudy.__all__)
    with pytest.raises(AttributeError, match="no attribute 'load_studies'"):
        pgstudy.load_studies  # noqa: B018
