"""A zip file of unknown origin, unpacked within bounds, and its checksums.

What is refused: more files or bytes than any study has, names that lead out of the
folder or that are there twice, links, devices, and encrypted files.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pgstudy.experiment.system.files import file_digest

CHECKSUMS = "manifest-sha256.txt"
MAX_FILES, MAX_BYTES = 100_000, 4 * 2**30
MAX_RATIO, SMALL = 200, 100 * 2**20  # of what is unpacked to what is packed
ENCRYPTED = 0x1 | 0x40
KINDS = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: where whoever packed it did not say
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class DamagedCapsule(ValueError):
    """A capsule that does not hold what it should; the message says what."""


def pack(folder: Path, to: Path) -> None:
    """Write a folder with the checksums of its files as a zip file."""
    lines = [f"{file_digest(folder / name)}  {name}" for name in _files(folder)]
    (folder / CHECKSUMS).write_text("\n".join(lines) + "\n", "utf-8")
    shutil.make_archive(str(to.with_suffix("")), "zip", folder)


def unpack(file: Path, folder: Path) -> int:
    """Unpack all files of a capsule and verify their checksums. Returns how many.

    Errors: DamagedCapsule; whatever zipfile raises.
    """
    if not file.is_file():
        raise DamagedCapsule("there is no such file")
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _require_bounds(entries, file.stat().st_size)
        for entry in entries:
            _require_plain(entry)
        names = Counter(PurePosixPath(entry.filename) for entry in entries)
        for name in (name for name, count in names.items() if count > 1):
            raise DamagedCapsule(f"{name} is there twice")
        for entry in entries:
            _write(archive, entry, folder)
    return _check_checksums(folder)


def _require_bounds(entries: Sequence[zipfile.ZipInfo], packed: int) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_FILES:
        raise DamagedCapsule(f"it holds {len(entries):,} files, over {MAX_FILES:,}")
    if unpacked > MAX_BYTES:
        bound = f"over {MAX_BYTES / 2**30:g} GiB"
        raise DamagedCapsule(f"it would unpack to {unpacked / 2**30:,.1f} GiB, {bound}")
    if unpacked > max(SMALL, MAX_RATIO * packed):
        factor = f"{unpacked / packed:,.0f} times its size"
        raise DamagedCapsule(f"it would unpack to {factor}, over {MAX_RATIO}")


def _require_plain(entry: zipfile.ZipInfo) -> None:
    """Errors: DamagedCapsule, for what is no plain file or folder in the folder."""
    name = entry.filename
    parts = name.removesuffix("/").split("/")
    if not name.isprintable() or set(parts) & {"", ".", ".."} or set(name) & set("\\:"):
        raise DamagedCapsule(f"{name} is not the name of a file in a capsule")
    if stat.S_IFMT(entry.external_attr >> 16) not in KINDS:
        raise DamagedCapsule(f"{name} is a link or a device")
    if entry.flag_bits & ENCRYPTED:
        raise DamagedCapsule(f"{name} is encrypted")
    if entry.compress_type not in METHODS:
        raise DamagedCapsule(f"{name} is packed in a way that capsules are not")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # It yields no more than the size that the bounds were held against.
    with archive.open(entry) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file)


def _check_checksums(folder: Path) -> int:
    """Hold every file against the manifest. Returns how many there are."""
    if not (folder / CHECKSUMS).is_file():
        raise DamagedCapsule(f"{CHECKSUMS} is missing")
    lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, _, name in (s.partition("  ") for s in lines)}
    names = {str(path) for path in _files(folder)} - {CHECKSUMS}
    for name in sorted(names ^ expected.keys()):
        state = "extra" if name in names else "missing"
        raise DamagedCapsule(f"{name} is {state}")
    for name, digest in expected.items():
        if file_digest(folder / name) != digest:
            raise DamagedCapsule(f"{name} is not what was packed")
    return len(expected)


def _files(folder: Path) -> list[Path]:
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
