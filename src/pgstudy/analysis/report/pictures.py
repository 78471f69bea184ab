"""What a report shows of other files: figures with their data, films and stills."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from pgstudy.analysis.charts.specs import specs
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.report.captions import captions
from pgstudy.experiment.study.study import Study

PIXELS = 1.45  # of a figure's file for one on the page
STILL = 60  # quality of a still, from 0 to 100


def pictures(
    study: Study, tradeoffs: Tradeoffs | None, folder: Path
) -> dict[str, list[dict[str, Any]]]:
    """The figures of each section, with their CSV and chart inline.

    A chart takes the place of its picture where scripts run. chart: "" without one.
    """
    charts = specs(study, tradeoffs)
    found: dict[str, list[dict[str, Any]]] = {}
    for caption in captions(study):
        file = folder / "figures" / caption.name
        picture = {
            "name": caption.name,
            "caption": caption.text,
            "chart_caption": caption.chart,
            "data": png(file.with_name(f"{caption.name}.png")),
            "width": _width(file.with_name(f"{caption.name}.png")),
            "csv": _inline("text/csv", _rows(file.with_name(f"{caption.name}.csv"))),
            # no text of a config ends the element that holds it
            "chart": charts.get(caption.name, "").replace("</", "<\\/"),
        }
        found.setdefault(caption.section, []).append(picture)
    return found


def _width(file: Path) -> int:
    """Of a figure on the page, so that letters have one size in all of them."""
    with Image.open(file) as picture:
        return round(picture.width / PIXELS)


def _rows(file: Path) -> bytes:
    """A figure's data; of learning curves without single seeds, for a small report."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    head = lines[0].rstrip().split(",")
    if head[-2:] == ["seed", "return"]:
        lines = [line for line in lines if line.endswith((",,\n", ",seed,return\n"))]
    return "".join(lines).encode()


def published(study: Study, folder: Path) -> list[dict[str, Any]]:
    """Each published item, with its figure as we draw it, if it has one."""
    return [
        {"text": item, "data": item.figure and png(folder / f"{item.slug}.png")}
        for item in study.published
    ]


def recording(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with its film and a still of it as addresses, or None."""
    data = entry.get("data")
    if not data:
        return {**entry, "data": None}
    film = _inline("image/webp", data)
    return {**entry, "data": film, "still": _inline("image/webp", _still(data))}


def _still(film: bytes) -> bytes:
    """Its first picture."""
    still = io.BytesIO()
    with Image.open(io.BytesIO(film)) as pictures:
        pictures.convert("RGB").save(still, "webp", quality=STILL)
    return still.getvalue()


def png(path: Path) -> str:
    """A picture as an address."""
    return _inline("image/png", path.read_bytes())


def _inline(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
