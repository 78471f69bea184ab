"""Files are written whole or not at all, and for whom the umask says.

A temporary file carries its host and the number of its process: what a kill left is
known by them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import psutil

from pgstudy.experiment.system.shared_disk import file_system_time, patiently

TEMPORARY = re.compile(r"\..+\.(?:(?:([\w-]+)@)?(\d+)-)?[0-9a-f]{8}")
HOST = re.sub(r"\W", "-", socket.gethostname())
UMASK = os.umask(0)
os.umask(UMASK)  # it can't be read without being set

Digests = dict[Path, str]
_written: ContextVar[Digests | None] = ContextVar("written", default=None)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it once it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unique = f"{HOST}@{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{unique}")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            with contextlib.suppress(PermissionError):  # file systems without modes
                os.fchmod(file.fileno(), 0o666 & ~UMASK)  # safetensors makes it 0600
            os.fsync(file.fileno())
        digests = _written.get()
        if digests is not None:
            digests[path] = file_digest(temporary) or ""
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON atomically. Errors: ValueError on a non-finite number."""
    text = json_text(data)
    write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))


def json_text(data: Any) -> str:
    """What `write_json` writes. Errors: ValueError on a non-finite number."""
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"


def canonical_json(data: object) -> str:
    """Sorted keys, no spaces: equal data, equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file, in hex; None if it can't be read.

    Errors: OSError, of a disk in trouble; see `patiently`.
    """

    def read() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return patiently(read)


@contextlib.contextmanager
def collected() -> Iterator[Digests]:
    """SHA-256 of each file that `write_atomically` writes in this block, by path."""
    digests: Digests = {}
    token = _written.set(digests)
    try:
        yield digests
    finally:
        _written.reset(token)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files below a folder whose process is no more.

    Those of other hosts are left for a day.
    """
    old = file_system_time(folder) - 86_400_000_000_000
    for path in folder.rglob(".*"):
        found = TEMPORARY.fullmatch(path.name)
        if not found or not path.is_file():
            continue
        elsewhere = found[1] not in (None, HOST)
        with contextlib.suppress(OSError):
            if path.stat().st_mtime_ns < old if elsewhere else not _lives(found[2]):
                path.unlink()


def names_in(folder: Path) -> list[str]:
    """What a folder holds; nothing if it is not there or can't be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def free_place(folder: Path, name: str) -> Path:
    """The first of `name`-1, `name`-2 ... that is not in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (place := folder / f"{name}-{number}").exists():
        number += 1
    return place


def _lives(pid: str | None) -> bool:
    """Whether a process is there; an earlier version wrote no number."""
    return pid is not None and psutil.pid_exists(int(pid))
