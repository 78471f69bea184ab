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


def test_a_step_is_made_again_after_an_edit_of_all_code_that_it_imports():
    """What Python itself loads for a step is among what its digest is of."""
    for step in ("claims", "recordings", "report", "measure", "figures", "tables"):
        module = steps.STEPS[step].entry.partition(":")[0]
        code = (
            f"import sys, pgstudy.{module}; print(*[m for m in sys.modules "
            "if m.startswith('pgstudy.')])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        loaded = {m[8:].replace(".", "/") for m in done.stdout.split()}
        assert module.replace(".", "/") in loaded
        places = {p.removesuffix(".py") for p in steps.packages(step)} | {"learning"}
        beyond = {
            m for m in loaded if not any(f"{m}/".startswith(f"{p}/") for p in places)
        }
        assert beyond <= {"analysis", "experiment"}  # empty but for a docstring
    assert "analysis/claims" in steps.packages("claims")
    assert "analysis/claims" not in steps.packages("tables")
