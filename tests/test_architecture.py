"""Arrows run one way: cli -> analysis -> experiment -> learning; parts are small."""

import ast
import re
import shutil
import subprocess
import sys

import pytest

from pgstudy.analysis import steps
from tests import house, imports
from tests.conftest import ROOT
from tests.imports import PACKAGE, imported

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


def test_no_modules_import_each_other():
    """Nor do folders: in each wing they have an order, as the modules have."""
    edges = imports.graph()
    assert imports.circles(edges) == set()
    assert imports.circles(imports.folders(edges)) == set()


def beyond_its_packages(step, src=imports.SRC):
    """What a step imports that is neither its own nor what runs rest on."""
    module = "pgstudy." + steps.STEPS[step].entry.partition(":")[0]
    allowed = steps.packages(step) | {"learning"}
    names = imports.closure(module, imports.graph(src))
    files = {
        name: imports.modules(src)[name].relative_to(src / "pgstudy") for name in names
    }
    return {
        name
        for name, file in files.items()
        if file.name != "__init__.py"
        and not any(file.is_relative_to(place) for place in allowed)
    }


@pytest.mark.parametrize("step", steps.STEPS)
def test_a_step_rests_on_its_packages_alone(step):
    """So an edit of any code that it runs makes it again, and its table says so."""
    assert beyond_its_packages(step) == set()


def test_an_import_from_elsewhere_is_found(tmp_path):
    """Planted three modules below the step."""
    src = tmp_path / "src"
    shutil.copytree(imports.SRC, src)
    file = src / "pgstudy/analysis/statistics/basics.py"
    planted = "\n\ndef late():\n    from pgstudy.analysis.claims import verdicts\n"
    file.write_text(file.read_text() + planted)
    assert "pgstudy.analysis.claims.verdicts" in beyond_its_packages("tables", src)
    assert imports.circles(imports.graph(src))


def test_planning_a_study_imports_no_torch():
    """Snakemake reads the study at every call; torch would cost over a second."""
    code = (
        "import sys; import pgstudy.experiment.store.study_folder, "
        "pgstudy.analysis.common.names, pgstudy.analysis.steps; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_folders_modules_and_functions_are_small():
    """What ruff can't count; a module that is one table or schema may be longer."""
    folders = house.modules_in_folders(PACKAGE)
    assert {name for name, files in folders.items() if files > house.FILES} == set()
    assert set(house.long_modules(PACKAGE)) <= house.TABLES
    assert house.long_functions(PACKAGE) == []


def test_what_is_too_large_is_found(tmp_path):
    """Planted: a file too many, a line too many in a module and in a function."""
    for i in range(house.FILES + 1):
        (tmp_path / f"m{i}.py").write_text("x = 1\n" * house.LINES)
    (tmp_path / "m0.py").write_text("x = 1\n" * (house.LINES + 1))
    body = "    x = 1\n" * house.FUNCTION
    (tmp_path / "m1.py").write_text(f"def long():\n{body}")
    (tmp_path / "m2.py").write_text(f"def short():\n{body[10:]}")
    assert house.modules_in_folders(tmp_path) == {".": house.FILES + 1}
    assert house.long_modules(tmp_path) == ["m0.py"]
    assert house.long_functions(tmp_path) == ["m1.py::long"]


def test_code_is_formatted_and_sorted_with_hardly_an_exception():
    """A literal that the formatter spoils is better written in another way."""
    folders = ("src", "tests", "benchmarks")
    files = [file for name in folders for file in (ROOT / name).rglob("*.py")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert [line for line in lines if line.endswith("# isort: " + "skip")] == []
    assert len([line for line in lines if line.endswith("# fmt: " + "skip")]) < 10


@pytest.mark.parametrize("document", house.DOCUMENTS, ids=lambda file: file.name)
def test_documents_show_the_house_as_it_is(document):
    """`python -m tests.house` writes their blocks."""
    text = document.read_text()
    assert house.BLOCK.search(text)
    assert house.filled(text) == text


PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("[bcdr]*/*.md")]  # of no tool's cache
)
PLACES = [ROOT, PACKAGE, ROOT / "tests"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page):
    """Links within the project, and paths of code."""
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", text):
        assert (page.parent / link).exists(), link
    if page.name != "CHANGELOG.md":  # which speaks of what was
        for path in re.findall(r"`([a-z_]+/[\w/]+\.(?:py|yaml|smk))\b", text):
            near = [page.parent, *PLACES]
            assert any((place / path).exists() for place in near), path


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
