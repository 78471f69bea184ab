"""Arrows run one way: cli -> analysis -> experiment -> learning."""

import ast
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "pgstudy"
MAY_IMPORT = {
    "learning": {"learning"},
    "experiment": {"experiment", "learning"},
    "analysis": {"analysis", "experiment", "learning"},
}
OUTSIDE_OF_LEARNING = {
    "mlflow",
    "pandas",
    "matplotlib",
    "seaborn",
    "pathlib",
    "pyarrow",
}


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_below(layer):
    """`learning` is the re-run boundary: nothing else may decide a run's bits."""
    for file in (PACKAGE / layer).rglob("*.py"):
        for name in imported(file):
            parts = name.split(".")
            if parts[0] == "pgstudy" and len(parts) > 1:
                assert parts[1] in MAY_IMPORT[layer], (file.name, name)
            if layer == "learning":
                assert parts[0] not in OUTSIDE_OF_LEARNING, (file.name, name)


def test_planning_a_study_imports_no_torch():
    """Snakemake reads the study at every call; torch would cost over a second."""
    code = (
        "import sys; import pgstudy.experiment.study, pgstudy.experiment.runs, "
        "pgstudy.analysis.names; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


UNSAFE = {"pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
UNSAFE_CALLS = {"eval", "exec", "torch.load", "yaml.load", "np.load", "pd.read_pickle"}


@pytest.mark.parametrize("file", [*PACKAGE.rglob("*.py")], ids=lambda file: file.stem)
def test_nothing_is_unpickled_or_evaluated(file):
    """Policies and checkpoints are safetensors, records JSON, YAML is loaded safely."""
    assert not {name.partition(".")[0] for name in imported(file)} & UNSAFE
    calls = [
        n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)
    ]
    assert not {ast.unparse(call.func) for call in calls} & UNSAFE_CALLS


def test_every_test_that_the_promises_name_exists():
    """docs/reliability.md: a file below tests/, and a test of that name in it."""
    names = re.findall(
        r"`([\w/]+\.py)(?:::(\w+))?", (ROOT / "docs/reliability.md").read_text()
    )
    assert len(names) > 30
    for file, test in names:
        assert f"def {test}" in (ROOT / "tests" / file).read_text()
