"""What made a run."""

import subprocess
import sys

from pgstudy.analysis import steps
from pgstudy.experiment.provenance import identity


def test_the_digest_is_of_the_code_alone(tmp_path, monkeypatch):
    """What an editor leaves beside the code makes nothing stale; an edit does."""
    monkeypatch.setattr(identity, "PACKAGE", tmp_path)
    learning = tmp_path / "learning"
    learning.mkdir()
    (learning / "a.py").write_text("x = 1")
    before = identity.code_digest("learning")
    (learning / ".a.py.swp").write_text("")
    (learning / ".#a.py").symlink_to("nowhere")
    (learning / ".ipynb_checkpoints").mkdir()
    (learning / ".ipynb_checkpoints" / "a.py").write_text("")
    assert identity.code_digest("learning") == before
    (learning / "a.py").write_text("x = 2")
    assert identity.code_digest("learning") != before
    assert identity.code_digest("learning/a.py") != before


def test_the_commit_and_the_machine_are_named():
    """Everything that may explain a difference."""
    made = identity.describe()
    assert len(made["git"]["commit"]) == 40
    assert all(made[name] for name in ("cpu", "python", "torch", "numpy", "learning"))


# What is not ours is imported once, and each module in a process that has none of ours.
LOADED = """
import importlib, os, sys
import gymnasium, pandas, scipy.stats, seaborn, torch
assert "pgstudy" not in sys.modules
for module in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(f"pgstudy.{module}")
        print(*[name for name in sys.modules if name.startswith("pgstudy.")])
        break
    assert os.wait()[1] == 0
"""


def test_a_step_is_made_again_after_an_edit_of_all_code_that_it_imports():
    """What Python itself loads for a step is among what its digest is of."""
    names = ("claims", "recordings", "report", "measure", "figures", "tables")
    modules = [steps.STEPS[step].entry.partition(":")[0] for step in names]
    command = [sys.executable, "-c", LOADED, *modules]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = zip(names, modules, done.stdout.splitlines(), strict=True)
    for step, module, line in found:
        loaded = {m[8:].replace(".", "/") for m in line.split()}
        assert module.replace(".", "/") in loaded
        places = {p.removesuffix(".py") for p in steps.packages(step)} | {"learning"}
        beyond = {
            m for m in loaded if not any(f"{m}/".startswith(f"{p}/") for p in places)
        }
        assert beyond <= {"analysis", "experiment"}  # empty but for a docstring
    assert "analysis/claims" in steps.packages("claims")
    assert "analysis/claims" not in steps.packages("tables")
