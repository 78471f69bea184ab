"""Who imports whom in src/pgstudy, from the syntax trees."""

import ast
import functools
from pathlib import Path

from tests.conftest import ROOT

SRC = ROOT / "src"
PACKAGE = SRC / "pgstudy"


def module_name(file: Path, src: Path = SRC) -> str:
    """Dotted; a package's is that of its folder."""
    parts = file.relative_to(src).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules(src: Path = SRC) -> dict[str, Path]:
    """Every module by name."""
    return {
        module_name(file, src): file for file in sorted(src.rglob("pgstudy/**/*.py"))
    }


def imported(file: Path) -> set[str]:
    """Dotted names that a file imports, at its head or in its functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def graph(src: Path = SRC) -> dict[str, set[str]]:
    """What each module imports of ours; names of a module count as the module."""
    known = modules(src)

    def own(name: str) -> str | None:
        while name and name not in known:
            name = name.rpartition(".")[0]
        return name or None

    return {
        name: {found for item in imported(file) if (found := own(item))} - {name}
        for name, file in known.items()
    }


def closure(start: str, edges: dict[str, set[str]]) -> set[str]:
    """All that a module imports, and what these import, and so on, with itself."""
    found, todo = set(), {start}
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= edges[name] - found
    return found


def circles(edges: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of nodes that reach each other."""
    reach = {node: closure(node, edges) for node in edges}
    return {
        frozenset(other for other in reach[node] if node in reach[other])
        for node in edges
        if any(node in reach[other] for other in reach[node] - {node})
    }


def folders(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between folders; a module that lies in a wing itself is its own node."""

    def folder(name: str) -> str:
        return ".".join(name.split(".")[:3])

    joined: dict[str, set[str]] = {}
    for name, targets in edges.items():
        here = joined.setdefault(folder(name), set())
        here |= {folder(target) for target in targets} - {folder(name)}
    return joined
