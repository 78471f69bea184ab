"""docs/notebook.ipynb on a real study."""

import subprocess
import sys

import nbformat

from tests.conftest import ROOT
from tests.notebook import FILE, texts
from tests.workflow.project import smoke_study


def test_the_notebook_says_what_it_says(tmp_path_factory, tmp_path):
    """Its code in a new process, beside the results of the README's command.

    Every text is the one that is shown; pictures are drawn.
    """
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "results").symlink_to(smoke_study(tmp_path_factory).results)
    done = subprocess.run(
        [sys.executable, "-m", "tests.notebook", str(docs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found, shown = nbformat.reads(done.stdout, 4), nbformat.read(FILE, 4)
    assert texts(found) == texts(shown)
    assert [None] in texts(found)
