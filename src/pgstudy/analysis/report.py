"""report.html: one file, inline pictures, no network."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from pgstudy.analysis.names import FEW_RUNS, figure_names
from pgstudy.analysis.tables import Tables
from pgstudy.experiment import provenance
from pgstudy.experiment.runs import write_atomically
from pgstudy.experiment.study import Study

TEMPLATES = Path(__file__).parent / "templates"
STATES = ("finished", "diverged", "failed", "missing")
DASH = "–"


def write(study: Study, tables: Tables, figure_folder: Path, path: Path) -> None:
    """Render the report. Everything that comes from a config is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["steps"] = steps
    html = environment.get_template("report.html.j2").render(
        study=study,
        counts={s: int((tables.runs["status"] == s).sum()) for s in STATES},
        summary=_records(tables.summary),
        runs=_records(tables.runs),
        unfinished=_records(tables.runs[tables.runs["status"] != "finished"]),
        pictures=_pictures(study, figure_folder),
        learned=_learned(tables.summary),
        commits=sorted(tables.runs["commit"].dropna().unique()),
        config=yaml.safe_dump(dict(study.config), sort_keys=False),
        versions=provenance.describe(),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_atomically(path, lambda p: p.write_text(html, encoding="utf-8"))


def _pictures(study: Study, folder: Path) -> list[dict[str, str]]:
    captions = [
        f"{environment}: mean return of the training batches against environment "
        "steps, one panel per estimator, one colour per N"
        for environment in study.environments
    ]
    captions.append(
        "Return over the last tenth of training against N: every seed (dots), mean, "
        f"and from {FEW_RUNS} seeds on the 95 % bootstrap interval over seeds"
    )
    return [
        {"caption": caption, "data": _data_address(folder / f"{name}.png")}
        for caption, name in zip(captions, figure_names(study), strict=True)
    ]


def _data_address(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _learned(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Per environment and estimator: the N with the best final return."""
    known = summary.dropna(subset=["final_return"])
    groups = known.groupby(["environment", "estimator"], sort=False)
    best = [group.nlargest(1, "final_return") for _, group in groups]
    return _records(pd.concat(best)) if best else []


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def number(value: Any, digits: int | None = None) -> str:
    """A number for a table, 0.742, 7.42 or 74.2; a dash where there is none."""
    if value is None or pd.isna(value):
        return DASH
    if digits is None:
        digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f}"


def steps(value: Any) -> str:
    """A whole number with thousands separators; a dash where there is none."""
    return number(value, 0)
