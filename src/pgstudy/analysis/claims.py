"""What the study says, claim by claim: an estimate, its interval and a verdict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pgstudy.analysis import gradient_claims
from pgstudy.analysis.aggregates import Aggregates
from pgstudy.analysis.comparisons import Interval
from pgstudy.analysis.tables import Tables, at_best_step_sizes, rows_of
from pgstudy.analysis.tuning import step_size_slope
from pgstudy.analysis.verdicts import Claim, above, judge, within
from pgstudy.experiment.study import Study, folder_name


def build(
    study: Study,
    tables: Tables,
    aggregates: Aggregates,
    gradients: pd.DataFrame,
    tuning: Tables | None = None,
) -> pd.DataFrame:
    """All claims of a study, environment by environment."""
    claims: list[Claim] = []
    for environment in study.environments:
        measured = gradients[gradients["environment"] == environment]
        if len(measured):
            claims += gradient_claims.build(study, environment, measured)
        if len(study.sample_counts) > 1:
            claims += _of_returns(study, environment, tables, aggregates)
            if tuning is not None:
                claims += _of_step_sizes(study, environment, tuning)
    return judge(claims)


def _of_returns(
    study: Study, environment: str, tables: Tables, aggregates: Aggregates
) -> Iterator[Claim]:
    pairs = aggregates.pairs
    here = pairs[pairs["environment"] == environment]
    for estimator in study.estimators:
        ns = sorted({c.n for c in study.cells_of(environment, estimator)})
        if len(ns) < 2:
            continue
        same = (here["one_estimator"] == estimator) & (
            here["two_estimator"] == estimator
        )
        ends = (here["one_n"] == ns[0]) & (here["two_n"] == ns[-1])
        for row in here[same & ends].to_dict("records"):
            found = Interval(
                row["improvement"], row["improvement_low"], row["improvement_high"]
            )
            yield Claim(
                environment, f"At equal environment steps, {estimator} ends higher "
                f"with N = {ns[-1]} than with {ns[0]}", "probability of improvement",
                found, above(found, 0.5), "improvement",
            )  # fmt: skip
        yield from _at_equal_updates(study, tables, environment, estimator)


def _at_equal_updates(
    study: Study, tables: Tables, environment: str, estimator: str
) -> Iterator[Claim]:
    cells = at_best_step_sizes(study, tables).cells_of(environment, estimator)
    ends = min(cells, key=lambda c: c.n), max(cells, key=lambda c: c.n)
    last = [
        rows_of(tables.updates, cell).sort_values("update").tail(1) for cell in ends
    ]
    if any(row.empty for row in last):
        return
    few, many = (row.to_dict("records")[0] for row in last)
    times = many["env_steps"] / few["env_steps"]
    spread = np.hypot(*((row["high"] - row["low"]) / 2 for row in (few, many)))
    gap = many["mean"] - few["mean"]
    found = Interval(gap, gap - spread, gap + spread)
    yield Claim(
        environment, f"At equal updates, {estimator} is ahead with N = {ends[1].n}, on "
        f"{times:.3g} times the steps of N = {ends[0].n}", "difference of mean returns",
        found, above(found, 0.0), f"equal_updates-{folder_name(environment)}",
    )  # fmt: skip


def _of_step_sizes(study: Study, environment: str, tuning: Tables) -> Iterator[Claim]:
    for estimator in study.estimators:
        runs = tuning.runs
        here = (runs["environment"] == environment) & (runs["estimator"] == estimator)
        if runs.loc[here, "n"].nunique() > 1:
            found = step_size_slope(runs[here])
            yield Claim(
                environment, f"The best step size of {estimator} grows faster than the "
                "root of N", "slope of its logarithm on log N", found,
                above(found, 0.5), f"tuning-{folder_name(environment)}",
            )  # fmt: skip
            yield Claim(
                environment, f"The best step size of {estimator} grows in proportion "
                "to N", "slope of its logarithm on log N", found,
                within(found, 0.9, 1.1),
                f"tuning-{folder_name(environment)}",
            )  # fmt: skip
