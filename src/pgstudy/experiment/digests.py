"""What each step wrote below results/<study>/, by SHA-256, and what is not that now.

The record of a step is a file of its own, `.digests/<step>.json`, written after the
step's files. So steps may work at once, and one that was cut short is noticed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pgstudy.experiment.files import collected, file_digest, write_json

FOLDER = ".digests"
OTHERS = ("partial",)  # it has records of its own


@contextlib.contextmanager
def recording(folder: Path, step: str) -> Iterator[None]:
    """Record all files that are written below `folder` in this block."""
    with collected() as digests:
        yield
    record(folder, step, {str(p.relative_to(folder)): d for p, d in digests.items()})


def record(folder: Path, step: str, digests: Mapping[str, str | None]) -> None:
    """Write the record of a step: SHA-256 by path below `folder`. Errors: OSError."""
    write_json(folder / FOLDER / f"{step}.json", digests)


def recorded(folder: Path) -> dict[str, str]:
    """All records of a folder; one that is damaged records nothing."""
    digests: dict[str, str] = {}
    for file in sorted((folder / FOLDER).glob("[!.]*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            digests.update(json.loads(file.read_text(encoding="utf-8")))
    return digests


def changed(folder: Path, name: str) -> bool:
    """Whether a file is there and not what its record says."""
    digest = recorded(folder).get(name)
    return digest is not None and file_digest(folder / name) not in (digest, None)


def damaged(folder: Path) -> dict[str, str]:
    """How each file is not what its record says: 'missing' or 'changed'."""
    found = {n: (file_digest(folder / n), d) for n, d in recorded(folder).items()}
    return {
        name: "changed" if now else "missing"
        for name, (now, then) in found.items()
        if now != then
    }


def unrecorded(folder: Path) -> list[str]:
    """Files that no step wrote, or whose record is lost; empty files say nothing."""
    known = recorded(folder)
    names = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    return sorted(
        str(name)
        for name in names
        if not any(part.startswith(".") for part in name.parts)
        and name.parts[0] not in OTHERS
        and str(name) not in known
        and (folder / name).stat().st_size
    )
