"""From what a process imported and opened to the files that are a user's code.

Counted is what lies outside site-packages, the standard library and pgstudy: of each
package the whole folder with its data, modules that lie alone, and every other file
that was read meanwhile. Caches and hidden files do not count. Names are relative to
where a package lies, or to the working folder: another clone has the same.
"""

from __future__ import annotations

import functools
import hashlib
import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from pgstudy.experiment.system.files import file_digest
from pgstudy.experiment.system.places import PACKAGE
from pgstudy.learning.environments.faults import UnusableEnvironment

MAX_FILES, MAX_BYTES = 2000, 50_000_000  # of one package
SYSTEM = ("proc", "dev", "sys", "etc", "usr", "lib", "lib64", "bin", "sbin", "run")


class Answer(TypedDict):
    """What `probe` tells: modules as (name, file, folders); paths that were opened;
    and why the environment can't be made.
    """

    modules: list[tuple[str, str, list[str]]]
    read: list[str]
    written: list[str]
    fault: str


@dataclass(frozen=True)
class UserCode:
    """Files by their names, in order, and one digest of them all.

    `outside`: names of files that were read from neither beside the code nor below the
    working folder. `contents`: SHA-256 of each file, by name.
    """

    files: tuple[tuple[str, Path], ...]
    outside: tuple[str, ...]
    digest: str
    contents: Mapping[str, str] = field(default_factory=dict)


def found(answer: Answer, folder: Path) -> UserCode | None:
    """The user's files of an answer from a working folder; None if there are none.

    Errors: UnusableEnvironment.
    """
    packages, modules = _places(answer)
    alone = {m for m in modules if not any(map(m.is_relative_to, packages))}
    bases = _bases(packages | alone, folder)
    opened = [Path(p) for p in answer["read"] if p not in set(answer["written"])]
    files = {file for package in packages for file in _package_files(package)}
    files |= modules | {file for file in opened if _counts(file, bases)}
    if not files:
        return None
    if own := sorted(files & {Path(path) for path in answer["written"]}):
        cure = "let it write elsewhere"
        raise UnusableEnvironment(f"it writes {own[0].name} into its own code; {cure}")
    names = sorted((_name(file, bases), file) for file in files)
    outside = tuple(_name(f, bases) for f in sorted(files) if not _base(f, bases))
    contents = [(name, _content(name, file)) for name, file in names]
    return UserCode(tuple(names), outside, _digest(contents), dict(contents))


def digest_now(contents: Mapping[str, str], folder: Path) -> str | None:
    """The digest of files that were recorded by name, if one of them is changed.

    They are looked for in a working folder and where modules are; one that is not
    found says nothing. None if none is changed.
    """
    places = [folder, *map(Path, sys.path)]
    now = {name: _found_content(name, places) or contents[name] for name in contents}
    return None if now == contents else _digest(sorted(now.items()))


def _found_content(name: str, places: Iterable[Path]) -> str | None:
    return next(filter(None, (file_digest(place / name) for place in places)), None)


def _places(answer: Answer) -> tuple[set[Path], set[Path]]:
    """Folders of top-level packages, and files of all modules, that are a user's."""
    packages, modules = set(), set()
    for name, file, folders in answer["modules"]:
        if "." not in name:
            packages |= {Path(f) for f in folders if not is_installed(Path(f))}
        if file and Path(file).is_file() and not is_installed(Path(file)):
            modules.add(Path(file))
    return packages, modules


@functools.cache
def _installed() -> list[Path]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = [*(paths[n] for n in names), *site.getsitepackages()]
    places.append(site.getusersitepackages())
    folders = [PACKAGE, *map(Path, places)]
    return [*folders, *(folder.resolve() for folder in folders)]


@functools.cache
def is_installed(path: Path) -> bool:
    """Whether a file is of an installed package, the standard library or pgstudy."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    places = (path, path.resolve())
    return any(p.is_relative_to(f) for p in places for f in _installed())


def _is_cache(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith((".pyc", "~"))


def _package_files(package: Path) -> Iterator[Path]:
    """The files of a package, code and data. Errors: UnusableEnvironment."""
    count = size = 0
    for place, folders, names in os.walk(package):
        folders[:] = [name for name in folders if not _is_cache(name)]
        for file in (Path(place) / name for name in names if not _is_cache(name)):
            if not file.is_file():
                continue
            count, size = count + 1, size + file.stat().st_size
            if count > MAX_FILES or size > MAX_BYTES:
                bound = f"more than {MAX_FILES:,} files or {MAX_BYTES // 10**6} MB"
                cure = "all of them count as its code, so move other things out of it"
                reason = f"the folder of its package {package.name} holds {bound}"
                raise UnusableEnvironment(f"{reason}; {cure}")
            yield file


def _bases(places: Iterable[Path], folder: Path) -> list[Path]:
    """The folders that names are relative to, the deepest first."""
    bases = {folder, *(place.parent for place in places)} - {Path("/")}
    return sorted(bases, key=lambda base: (-len(base.parts), base))


def _base(file: Path, bases: Iterable[Path]) -> Path | None:
    return next((base for base in bases if file.is_relative_to(base)), None)


def _name(file: Path, bases: Iterable[Path]) -> str:
    base = _base(file, bases)
    return file.relative_to(base).as_posix() if base else file.name


def _counts(file: Path, bases: Iterable[Path]) -> bool:
    """Whether a file that was read is the user's: not of the system, and no cache."""
    base = _base(file, bases)
    parts = file.relative_to(base).parts if base else file.parts[1:]
    if any(map(_is_cache, parts)) or is_installed(file) or not file.is_file():
        return False
    return base is not None or not _is_of_system(file)


def _is_of_system(file: Path) -> bool:
    folders = [tempfile.gettempdir(), sys.prefix, sys.base_prefix, *SYSTEM]
    return any(file.is_relative_to(Path("/", folder)) for folder in folders)


def _content(name: str, file: Path) -> str:
    """SHA-256 of a file. Errors: UnusableEnvironment."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        cause = f"{name} can't be read: {error.strerror}"
        raise UnusableEnvironment(cause) from None


def _digest(contents: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for name, content in contents:
        digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
