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

STILL = 60  # quality of a still, from 0 to 100


def pictures(
    study: Study, tradeoffs: Tradeoffs | None, folder: Path
) -> dict[str, list[dict[str, str]]]:
    """The figures of each section, with their CSV and chart inline.

    A chart takes the place of its picture where scripts run. chart: "" without one.
    """
    charts = specs(study, tradeoffs)
    found: dict[str, list[dict[str, str]]] = {}
    for caption in captions(study):
        file = folder / "figures" / caption.name
        picture = {
            "name": caption.name,
            "caption": caption.text,
            "chart_caption": caption.chart,
            "data": png(file.with_name(f"{caption.name}.png")),
            "csv": _inline(
                "text/csv", file.with_name(f"{caption.name}.csv").read_bytes()
            ),
            # no text of a config ends the element that holds it
            "chart": charts.get(caption.name, "").replace("</", "<\\/"),
        }
        found.setdefault(caption.section, []).append(picture)
    return found


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
