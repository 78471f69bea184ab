"""Documents whose numbers are written by a command, from what is kept of studies.

A document holds blocks, `<!-- pgstudy:begin summary my-study -->` up to
`<!-- pgstudy:end -->`, and pictures below figures/<study>/. Both are written from
docs/data/<study>/ and results/<study>/; the rest of a document is a person's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pgstudy.analysis.common.needed import Missing
from pgstudy.analysis.documents.blocks import render
from pgstudy.analysis.documents.records import StudyRecord, kept
from pgstudy.experiment.system.files import write_atomically

BLOCK = re.compile(
    r"(?P<begin><!-- pgstudy:begin (?P<what>[^\n]*?) -->\n)"
    r"(?P<text>.*?)(?P<end><!-- pgstudy:end -->)",
    re.DOTALL,
)
MARK = "<!-- pgstudy:"
PICTURE = re.compile(r"!\[[^\]]*\]\((?P<path>[^)\s]*figures/[^)\s]+\.png)\)")
Lookup = Callable[[str], StudyRecord]


class Faulty(ValueError):
    """A document that can't be written; the message says where and why."""


def home(document: Path) -> Path:
    """The folder of data/ and figures/: docs, or the one beside a README."""
    parent = document.resolve().parent
    below = parent / "docs"  # a project's own folder may be called docs, too
    return parent if parent.name == "docs" and not below.is_dir() else below


def written(document: Path, lookup: Lookup) -> str:
    """A document with its blocks as they should be. Errors: Faulty."""
    text = document.read_text(encoding="utf-8")

    def fill(block: re.Match[str]) -> str:
        if MARK in block["text"]:
            raise Faulty(f"{document}: a block within {block['what']!r}; end it first")
        try:
            new = render(block["what"], lookup)
        except (ValueError, Missing) as error:
            raise Faulty(f"{document}, block {block['what']!r}: {error}") from None
        return f"{block['begin']}\n{new}\n\n{block['end']}"

    new = BLOCK.sub(fill, text)
    if text.count(MARK) != 2 * len(BLOCK.findall(text)):
        raise Faulty(f"{document}: a block needs a line {MARK}begin ... --> and an end")
    return new


def pictures(document: Path) -> list[Path]:
    """The files of the pictures that a document shows, from docs/figures/."""
    found = PICTURE.finditer(document.read_text(encoding="utf-8"))
    return [document.resolve().parent / match["path"] for match in found]


def write(documents: Iterable[Path], records: Mapping[str, StudyRecord]) -> None:
    """Keep the records, copy the pictures, and write every block of the documents.

    Nothing is written before all of it is known to be sound. Errors: Faulty.
    """
    files: dict[Path, bytes] = {}
    for document in documents:
        data = home(document) / "data"

        def lookup(study: str, data: Path = data) -> StudyRecord:
            return records[study] if study in records else kept(data, study)

        files[document] = written(document, lookup).encode()
        for study, record in records.items():
            files |= {data / study / name: b for name, b in record.files.items()}
        files |= _copies(document, records)
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda p, c=content: p.write_bytes(c))  # type: ignore[misc]


def _copies(document: Path, records: Mapping[str, StudyRecord]) -> dict[Path, bytes]:
    copies = {}
    for picture in pictures(document):
        study, name = picture.parent.name, picture.stem
        if study not in records:
            continue
        if name not in records[study].pictures:
            raise Faulty(f"{document}: study {study} has no figure {name}")
        copies[picture] = records[study].pictures[name]
    return copies
