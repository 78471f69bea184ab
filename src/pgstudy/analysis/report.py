"""report.html: one file, inline pictures, no network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from pgstudy.analysis.makings import Fact
from pgstudy.analysis.names import FEW_RUNS, figure_names
from pgstudy.analysis.numbers import decimals, number, steps
from pgstudy.analysis.tables import STATES, Tables, best
from pgstudy.experiment.runs import write_atomically
from pgstudy.experiment.study import Study, step_size_text

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Contents:
    """What the report shows, as far as there is something."""

    tables: Tables
    acceptance: pd.DataFrame | None = None
    verified: str | None = None
    made: Sequence[Fact] = ()


def write(study: Study, contents: Contents, folder: Path) -> None:
    """Render report.html. Everything that comes from a config is escaped."""
    tables, acceptance = contents.tables, contents.acceptance
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["steps"] = steps
    environment.filters["step_size"] = step_size_text
    environment.globals["decimals"] = decimals
    html = environment.get_template("report.html.j2").render(
        study=study,
        counts={s: int((tables.runs["status"] == s).sum()) for s in STATES},
        summary=_records(tables.summary),
        runs=_records(tables.runs),
        unfinished=_records(tables.runs[tables.runs["status"] != "finished"]),
        pictures=_pictures(study, folder / "figures"),
        acceptance=[] if acceptance is None else _records(acceptance),
        published=_published(study, folder / "paper"),
        learned=_learned(tables.summary),
        commits=sorted(tables.runs["commit"].dropna().unique()),
        config=yaml.safe_dump(dict(study.config), sort_keys=False),
        made=contents.made,
        verified=contents.verified,
        ended=tables.runs["ended"].dropna().max(),
    )
    write_atomically(
        folder / "report.html", lambda p: p.write_text(html, encoding="utf-8")
    )


def _pictures(study: Study, folder: Path) -> list[dict[str, str]]:
    interval = f"from {FEW_RUNS} seeds on the 95 % bootstrap interval over seeds"
    captions = [
        f"{environment}: mean return of the training batches against {unit}, one panel "
        "per estimator"
        for environment in study.environments
        for unit in [study.unit(environment).replace("env_", "environment ")]
    ]
    best = ""
    if study.sweeps_step_sizes:
        best = "; of several step sizes at one N, the best one"
        captions += [
            f"{environment}: return over the last tenth of training against the step "
            f"size: mean, and {interval}"
            for environment in study.environments
        ]
    captions.append(
        "Return over the last tenth of training against N: every seed (dots), mean, "
        f"and {interval}{best}"
    )
    return [
        {"caption": caption, "data": _data_address(folder / f"{name}.png")}
        for caption, name in zip(captions, figure_names(study), strict=True)
    ]


def _published(study: Study, folder: Path) -> list[dict[str, Any]]:
    """Each published item, with its figure as we draw it, if it has one."""
    return [
        {
            "text": item,
            "data": item.figure and _data_address(folder / f"{item.slug}.png"),
        }
        for item in study.published
    ]


def _data_address(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _learned(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Per environment and estimator: the N and step size with the best final return."""
    groups = summary.groupby(["environment", "estimator"], sort=False)
    rows = [best(group).head(1) for _, group in groups]
    return _records(pd.concat(rows).dropna(subset=["final_return"]))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
