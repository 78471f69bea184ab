"""YAML files that people write: nothing in them is endless, huge, or there twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pgstudy.experiment.config.messages import where
from pgstudy.experiment.system.errors import ConfigError

MOST_BYTES = 2_000_000
MOST_VALUES = 200_000  # with every alias written out
DEEPEST = 60


def read(path: Path) -> tuple[Any, list[str]]:
    """What a file holds, and its keys that are there twice: the later would win unseen.

    Errors: ConfigError, for all that can't be read, and for what is endless or huge.
    """
    try:
        text = _text(path)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, []
        _require_finite(node)
        data = loader.construct_document(node)
    except RecursionError:
        raise _unreadable(path, "brackets are nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        raise _unreadable(path, _place(error)) from None
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8 text") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or "") from None
    except (ValueError, yaml.YAMLError) as error:  # such as the date 2001-99-99
        raise _unreadable(path, str(error)[:200]) from None
    twice = sorted(_repeated(node))
    return data, [f"{path.name}, line {line}: {fault}" for line, fault in twice]


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError([f"{path} can't be read: {why}"])


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is over {MOST_BYTES:,} bytes")
    return content.decode("utf-8-sig")


def _place(error: yaml.MarkedYAMLError) -> str:
    """In one line: the library's own text quotes the file."""
    mark = error.problem_mark or error.context_mark
    words = " ".join(filter(None, [error.context, error.problem]))[:200]
    return f"line {mark.line + 1}: {words}" if mark else words


def _require_finite(root: yaml.Node) -> None:
    """Errors: ValueError, with the line."""
    sizes: dict[int, int] = {}
    above: set[int] = set()

    def size(node: yaml.Node) -> int:
        """The number of values in it, itself included."""
        line = node.start_mark.line + 1
        if id(node) in above:
            raise ValueError(f"line {line}: what is named here contains itself")
        if len(above) > DEEPEST:
            raise ValueError(f"line {line}: brackets are nested too deeply")
        if id(node) not in sizes:
            above.add(id(node))
            sizes[id(node)] = 1 + sum(map(size, _children(node)))
            above.remove(id(node))
        if sizes[id(node)] > MOST_VALUES:
            raise ValueError(f"line {line}: with its aliases it has too many values")
        return sizes[id(node)]

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return []


def _repeated(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Line and fault of each key that its table has already."""
    seen: set[int] = set()
    nodes: list[tuple[yaml.Node, tuple[str | int, ...]]] = [(root, ())]
    while nodes:
        node, path = nodes.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += [(item, (*path, i)) for i, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            keys = [str(key.value) for key, _ in node.value]
            pairs = zip(keys, node.value, strict=True)
            nodes += [(value, (*path, key)) for key, (_, value) in pairs]
            known: set[str] = set()
            for (key_node, _), key in zip(node.value, keys, strict=True):
                if key in known:
                    place = f"{where(path)}: " if path else ""
                    line = key_node.start_mark.line + 1
                    yield line, f"{place}'{key[:60]}' is there twice"
                known.add(key)
