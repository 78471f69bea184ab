"""What made a run."""

import subprocess
import sys

from pgstudy.experiment.provenance import identity as provenance


def test_the_digest_is_of_the_code_alone(tmp_path, monkeypatch):
    """What an editor leaves beside the code makes nothing stale; an edit does."""
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    learning = tmp_path / "learning"
    learning.mkdir()
    (learning / "a.py").write_text("x = 1")
    before = provenance.code_digest("learning")
    (learning / ".a.py.swp").write_text("")
    (learning / ".#a.py").symlink_to("nowhere")
    (learning / ".ipynb_checkpoints").mkdir()
    (learning / ".ipynb_checkpoints" / "a.py").write_text("")
    assert provenance.code_digest("learning") == before
    (learning / "a.py").write_text("x = 2")
    assert provenance.code_digest("learning") != before
    assert provenance.code_digest("learning/a.py") != before


def test_the_commit_and_the_machine_are_named():
    """Everything that may explain a difference."""
    made = provenance.describe()
    assert len(made["git"]["commit"]) == 40
    assert all(made[name] for name in ("cpu", "python", "torch", "numpy", "learning"))


def test_a_step_is_made_again_after_an_edit_of_all_code_that_it_imports():
    """Found by reading: what Python itself loads for a step is among it."""
    for step in ("claims", "films", "report", "gradient_noise", "drawing", "tables"):
        code = (
            f"import sys, pgstudy.analysis.{step}; print(*[m for m in sys.modules "
            "if m.startswith('pgstudy.analysis.')])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        loaded = {f"{m[8:].replace('.', '/')}.py" for m in done.stdout.split()}
        assert f"analysis/{step}.py" in loaded
        assert loaded <= set(provenance.with_imports(step))
    assert "analysis/bias_claims.py" in provenance.with_imports("claims")
    assert "analysis/claims.py" not in provenance.with_imports("tables")
