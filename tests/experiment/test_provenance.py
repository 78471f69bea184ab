"""What made a run."""

from pgstudy.experiment import provenance


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
