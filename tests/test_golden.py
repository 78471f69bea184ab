"""The same bits on every processor: this one, those seen before, emulated ones."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store.runs import Store
from pgstudy.learning import dispatch
from tests import golden
from tests.conftest import ROOT, SMALL

KEPT = json.loads(golden.FILE.read_text())
# An AMD and an Intel processor, neither with AVX-512.
EMULATED = {
    "EPYC": ("functions", "plain", "lanes"),
    "Haswell": ("functions", "Adam, two layers, relu"),
}


def assert_kept(found, cpu):
    """Each digest; a difference names the function, its library and the processor."""
    names = [name for name, digest in found.items() if KEPT["digests"][name] != digest]
    seen = f"as seen on {', '.join(KEPT['seen_on'])}"
    assert names == [], f"on {cpu}, these are not {seen}: {'; '.join(names)}"


def test_this_processor_gives_the_bits_that_others_gave():
    """Every function that numbers go through, five trainings, tables and a figure."""
    found = golden.digests()
    assert set(found) == set(KEPT["digests"])
    assert_kept(found, describe()["cpu"])


@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="qemu-user is not here")
@pytest.mark.parametrize("cpu", EMULATED)
def test_an_emulated_processor_gives_them_too(cpu):
    """The functions one by one, so a cause is found and not a symptom."""
    command = ["qemu-x86_64", "-cpu", cpu, sys.executable, "-m", "tests.golden"]
    one = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *EMULATED[cpu]], cwd=ROOT, env=one, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 50
    assert_kept(found, f"{cpu} (emulated)")


def python(code, **variables):
    command = [sys.executable, "-c", code]
    environment = {k: v for k, v in os.environ.items() if k not in dispatch.VARIABLES}
    done = subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done


def test_numpy_and_torch_use_no_instruction_beyond_avx2():
    """Whatever a user's variables say; processes that are started inherit it."""
    code = """
import pgstudy
import torch
from numpy._core._multiarray_umath import __cpu_features__ as features
assert not any(features[name] for name in ("X86_V4", "AVX512_ICL", "AVX512_SPR"))
print(torch.backends.cpu.get_cpu_capability())
"""
    assert python(code, ATEN_CPU_CAPABILITY="default").stdout == "AVX2\n"


TRAIN = """
import json, sys
from pathlib import Path
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training.block import train_block
for block in load_study(json.loads(sys.stdin.read())).blocks():
    assert train_block(Store(Path(sys.argv[1])), block) == []
"""


@pytest.mark.parametrize(
    ("first", "state"),
    [
        ("import pgstudy", "avx2"),
        ("import numpy", "as found"),
        ("import torch", "as found"),
    ],
)
def test_a_process_that_imported_them_first_is_told_so(tmp_path, first, state):
    """Its runs say so, and have a key of their own."""
    code = f"{first}\n{TRAIN}"
    environment = {k: v for k, v in os.environ.items() if k not in dispatch.VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        input=json.dumps(SMALL | {"seeds": 1, "sample_counts": [1]}),
        env=environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    told = "these runs have the bits of this processor alone" in done.stderr
    assert told == (state == "as found")
    (record,) = tmp_path.rglob("run.json")
    assert json.loads(record.read_text())["made_by"]["dispatch"] == state
    planned = Store(tmp_path).run(load_study(SMALL).cells[0], 0)
    assert (planned.folder == record.parent) == (state == "avx2")


def test_a_processor_without_avx2_is_left_as_it_is(monkeypatch):
    """Its bits are its own, and its runs' keys too."""
    monkeypatch.setattr(dispatch, "_has_avx2", lambda: False)
    monkeypatch.setattr(dispatch, "_state", dispatch.AS_FOUND)
    for name in dispatch.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    dispatch.pin()
    dispatch.plan_for_jobs()
    assert dispatch.state() == "as found"
    assert not set(dispatch.VARIABLES) & set(os.environ)
