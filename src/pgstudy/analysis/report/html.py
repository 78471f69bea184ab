"""report.html: one file, inline pictures, no network; and report.md for a README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from pgstudy.analysis.charts.specs import scripts
from pgstudy.analysis.claims.answer import first_screen, is_open, with_interval
from pgstudy.analysis.claims.verdicts import FAMILY
from pgstudy.analysis.common.numbers import decimals, duration, number, p_value, steps
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.report import pictures
from pgstudy.analysis.report.checklists import answers
from pgstudy.analysis.report.glossary import entries
from pgstudy.analysis.report.markdown import markdown_report
from pgstudy.analysis.report.questions import questions
from pgstudy.analysis.statistics import coverage
from pgstudy.analysis.tables import thresholds
from pgstudy.analysis.tables.aggregates import (
    DENOMINATOR,
    SCORE,
    Aggregates,
    neighbours,
    unscored,
)
from pgstudy.analysis.tables.build import Tables, best
from pgstudy.experiment.store.provenance import Fact
from pgstudy.experiment.store.record import STATES
from pgstudy.experiment.study.cell import learning_rate_text
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.system.addresses import without_credentials
from pgstudy.experiment.system.files import write_atomically

TEMPLATES = Path(__file__).parent / "templates"
LOCAL = "http://127.0.0.1:5000"  # where `make ui` serves


@dataclass(frozen=True)
class Contents:
    """What the report shows, as far as there is something.

    recordings: the entries of recordings.json, with `data`, the bytes, if it has some.
    edges: chosen learning rates at an end of their grid, see `tuning.at_edge`.
    notes: what people should know of runs, see `store.provenance.notes`.
    tracked: what `pgstudy track` wrote.
    """

    tables: Tables
    aggregates: Aggregates
    gradients: pd.DataFrame
    claims: pd.DataFrame
    proofs: pd.DataFrame
    acceptance: pd.DataFrame | None = None
    verified: str | None = None
    edges: Mapping[str, str] = field(default_factory=dict)
    made: Sequence[Fact] = ()
    notes: Sequence[str] = ()
    recordings: Sequence[Mapping[str, Any]] = ()
    tracked: Mapping[str, Any] = field(default_factory=dict)
    tradeoffs: Tradeoffs | None = None


def write(study: Study, contents: Contents, folder: Path) -> None:
    """Render both reports. Everything that comes from a config is escaped."""
    html = pages(TEMPLATES).get_template("report.html.j2")
    values = _values(study, contents)
    page = html.render(
        study=study,
        **values,
        pictures=pictures.pictures(study, contents.tradeoffs, folder),
        published=pictures.published(study, folder / "paper"),
        scripts=scripts(),
    )
    more = contents.edges, contents.notes, values["answer"]
    text = markdown_report(study, contents.tables, contents.claims, *more)
    for name, content in ("report.html", page), ("report.md", text):
        write_atomically(folder / name, lambda p, t=content: p.write_text(t, "utf-8"))  # type: ignore[misc]


def pages(folder: Path) -> jinja2.Environment:
    """How templates of pages in a folder are read."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["open_law"] = is_open
    environment.filters["with_interval"] = with_interval
    environment.filters["number"] = number
    environment.filters["p_value"] = p_value
    environment.filters["steps"] = steps
    environment.filters["duration"] = duration
    environment.filters["learning_rate"] = learning_rate_text
    environment.globals["decimals"] = decimals
    return environment


def _values(study: Study, contents: Contents) -> dict[str, Any]:
    """Everything of the template but the study and the pictures."""
    tables = contents.tables
    return {
        **_rows(contents),
        "counts": {s: int((tables.runs["status"] == s).sum()) for s in STATES},
        "questions": questions(contents.claims),
        "glossary": entries(study),
        "verdicts": contents.claims["verdict"].value_counts().to_dict(),
        **first_screen(study, contents.tradeoffs, contents.claims),
        "unscored": unscored(study, tables),
        "edges": contents.edges,
        "coverage": coverage.tables(study.gradients is not None),
        "commits": sorted(tables.runs["commit"].dropna().unique()),
        "config": yaml.safe_dump(dict(study.config), sort_keys=False),
        "made": contents.made,
        "notes": contents.notes,
        "recordings": [pictures.recording(entry) for entry in contents.recordings],
        "verified": contents.verified,
        "ended": tables.runs["ended"].dropna().max(),
        "checks": answers(study, tables.runs, contents.verified),
        "links": _links(contents.tracked),
        "denominator": DENOMINATOR,
        "score_rule": SCORE,
        "family": FAMILY,
        "threshold_rule": thresholds.RULE,
    }


def _rows(contents: Contents) -> dict[str, list[dict[str, Any]]]:
    """The rows of the report's tables, by the name in the template."""
    runs, measured = contents.tables.runs, contents.gradients
    shown = {
        "summary": contents.tables.summary,
        "runs": runs,
        "unfinished": runs[runs["status"] != "finished"],
        "scores": contents.aggregates.scores,
        "pairs": neighbours(contents.aggregates.pairs),
        "adequacy": contents.aggregates.adequacy,
        "gradients": measured[measured["n"].notna()],
        "slopes": measured[measured["slope"].notna()],
        "acceptance": contents.acceptance,
        "proofs": contents.proofs,
        "proved": proved(contents.proofs),
        "learned": _learned(contents.tables.summary),
        **(vars(contents.tradeoffs or Tradeoffs(*[pd.DataFrame()] * 2))),
    }
    return {k: [] if v is None else _records(v) for k, v in shown.items()}


def _links(tracked: Mapping[str, Any]) -> dict[str, str]:
    """An address in MLflow for each run's key."""
    uri = without_credentials(str(tracked.get("uri", "")))
    base = uri.rstrip("/") if uri.startswith("http") else LOCAL
    place = f"{base}/#/experiments/{tracked.get('experiment_id')}/runs"
    query = "?workflowType=machine_learning"
    runs: Mapping[str, str] = tracked.get("runs", {})
    return {key: f"{place}/{run}{query}" for key, run in runs.items()}


def _learned(summary: pd.DataFrame) -> pd.DataFrame:
    """The N and learning rate with the best final return, for each estimator."""
    groups = summary.groupby(["environment", "estimator"], sort=False)
    rows = [best(group).head(1) for _, group in groups]
    return pd.concat(rows).dropna(subset=["final_return"])


def proved(proofs: pd.DataFrame) -> pd.DataFrame:
    """A row per estimator: name, verdict, and by problem its variance at the largest N,
    over that of total-return.
    """
    groups = proofs.groupby("estimator", sort=False)
    rows = []
    for name, group in groups:
        last = group[group["n"] == group["n"].max()].set_index("problem")
        shares = last["variance_ratio"].to_dict()
        rows.append({"name": name, "verdict": group["verdict"].iloc[0], **shares})
    return pd.DataFrame(rows)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
