"""What each step wrote below results/<study>/, by SHA-256, and what is not that now.

The record of a step is a file of its own, `.digests/<step>.json`, written after the
step's files. So steps may work at once, and one that was cut short is noticed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pgstudy.experiment.system.files import collected, file_digest, write_json

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


def records(folder: Path) -> dict[str, dict[str, str]]:
    """SHA-256 by name, of each step; a record that is damaged records nothing."""
    found = {}
    for file in sorted((folder / FOLDER).glob("[!.]*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found[file.stem] = dict(json.loads(file.read_text(encoding="utf-8")))
    return found


def changed(folder: Path, name: str) -> bool:
    """Whether a file is there and not what a record says."""
    known = {k: v for record in records(folder).values() for k, v in record.items()}
    return name in known and file_digest(folder / name) not in (known[name], None)


def damaged(folder: Path) -> dict[str, dict[str, str]]:
    """How files are not what their step's record says: 'missing' or 'changed'.

    By step and name; steps of which all is well are not there.
    """
    found: dict[str, dict[str, str]] = {}
    for step, record in records(folder).items():
        for name, digest in record.items():
            now = file_digest(folder / name)
            if now != digest:
                how = "changed" if now else "missing"
                found.setdefault(step, {})[name] = how
    return found


def unrecorded(folder: Path) -> list[str]:
    """Files that no step wrote, or whose record is lost; empty files say nothing."""
    known = {name for record in records(folder).values() for name in record}
    names = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    return sorted(
        str(name)
        for name in names
        if not any(part.startswith(".") for part in name.parts)
        and name.parts[0] not in OTHERS
        and str(name) not in known
        and (folder / name).stat().st_size
    )
