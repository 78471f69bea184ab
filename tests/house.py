"""What the source tree looks like: a picture, what an edit costs, and its measures.

`python -m tests.house` writes the blocks of docs/design.md and CONTRIBUTING.md.
`python -m tests.house OLD NEW` prints the measures of two checkouts as a table.
"""

import ast
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pgstudy.analysis import steps
from tests import imports
from tests.conftest import ROOT

WINGS = ("cli", "analysis", "experiment", "learning")
FILES, LINES, FUNCTION, COMPLEXITY = 10, 200, 30, 8
# Longer than LINES, since one table or schema is all that they hold.
TABLES = {
    "learning/specification.py",
    "analysis/common/columns.py",
    "analysis/statistics/coverage.py",
}
BLOCK = re.compile(
    r"(<!-- house:begin (\w+) -->\n).*?(<!-- house:end -->)", flags=re.DOTALL
)
DOCUMENTS = (ROOT / "docs/design.md", ROOT / "CONTRIBUTING.md")


def picture() -> str:
    """The folders of each wing and who imports whom, as a graph for Mermaid.

    An arrow that follows from others is left out, and so are those between wings
    except for the one from each wing to the next.
    """
    edges = imports.folders(imports.graph())
    lines = ["```mermaid", "graph TD"]
    for wing in WINGS:
        nodes = [name for name in edges if name.startswith(f"pgstudy.{wing}.")]
        lines.append(f"  subgraph {wing}")
        lines += [f"    {name}[{name.rpartition('.')[2]}]" for name in nodes]
        for name in nodes:
            below = edges[name] & set(nodes)
            others = {far for n in below for far in imports.closure(n, edges) - {n}}
            lines += [f"    {name} --> {target}" for target in sorted(below - others)]
        lines.append("  end")
    lines += [f"  {a} ==> {b}" for a, b in itertools.pairwise(WINGS)]
    return "\n".join([*lines, "```"]).replace("pgstudy.", "")


def costs() -> str:
    """Each folder, and the steps that are made again after an edit in it."""
    needed: dict[str, list[str]] = {"learning": ["all training, and all that follows"]}
    for step in steps.STEPS:
        for place in steps.packages(step):
            needed.setdefault(place, []).append(step)
    everything = f"all {len(steps.STEPS)} steps"
    rows = ["| an edit in `src/pgstudy/` | makes again |", "|---|---|"]
    for place, names in sorted(needed.items()):
        full = len(names) == len(steps.STEPS)
        rows.append(f"| `{place}` | {everything if full else ', '.join(names)} |")
    return "\n".join([*rows, "| anything else | nothing |"])


BLOCKS = {"picture": picture, "costs": costs}


def filled(text: str) -> str:
    """A document with its blocks as they should be."""
    return BLOCK.sub(lambda b: f"{b[1]}\n{BLOCKS[b[2]]()}\n\n{b[3]}", text)


def modules_in_folders(package: Path) -> dict[str, int]:
    """How many modules lie in each folder, `__init__.py` included."""
    folders = [package, *(p for p in package.rglob("*") if p.is_dir())]
    return {
        str(folder.relative_to(package)): len(list(folder.glob("*.py")))
        for folder in folders
    }


def long_modules(package: Path) -> list[str]:
    """Those of more than LINES lines."""
    return [
        str(file.relative_to(package))
        for file in sorted(package.rglob("*.py"))
        if len(file.read_text().splitlines()) > LINES
    ]


def _functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_functions(package: Path) -> list[str]:
    """Those of more than FUNCTION lines from `def` on, docstring included."""
    return [
        f"{file.relative_to(package)}::{function.name}"
        for file in sorted(package.rglob("*.py"))
        for function in _functions(file)
        if (function.end_lineno or 0) - function.lineno >= FUNCTION
    ]


def complex_functions(package: Path) -> int:
    """How many functions ruff finds more complex than COMPLEXITY."""
    options = ["--isolated", "--select", "C901", "--output-format", "json"]
    limit = ["--config", f"lint.mccabe.max-complexity={COMPLEXITY}"]
    command = ["ruff", "check", *options, *limit, str(package)]
    done = subprocess.run(command, capture_output=True, text=True)
    return len(json.loads(done.stdout))


def measures(root: Path) -> dict[str, int]:
    """What docs/design.md counts, of a checkout."""
    package, edges = root / "src/pgstudy", imports.graph(root / "src")
    rules = [f.read_text() for f in (root / "workflow/rules").glob("*.smk")]
    named = re.findall(r"^.*code_digest\(.*$", "\n".join(rules), flags=re.MULTILINE)
    return {
        "files in the largest folder": max(modules_in_folders(package).values()),
        "circles of imports": len(imports.circles(edges)),
        f"modules over {LINES} lines": len(long_modules(package)),
        f"functions over {FUNCTION} lines": len(long_functions(package)),
        f"functions of complexity over {COMPLEXITY}": complex_functions(package),
        "lines of rules that name a file of code": len(named),
    }


def comparison(old: Path, new: Path) -> str:
    """The measures of two checkouts, a row each."""
    before, after = measures(old), measures(new)
    rows = [f"| {name} | {before[name]} | {after[name]} |" for name in before]
    return "\n".join(["| | before | after |", "|---|---|---|", *rows])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(comparison(*(Path(folder).resolve() for folder in sys.argv[1:])))
    else:
        for document in DOCUMENTS:
            document.write_text(filled(document.read_text()))
