"""What the study says, claim by claim: an estimate, its interval and a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgstudy.analysis.claims.gradients import gradient_claims
from pgstudy.analysis.claims.law import law_claims
from pgstudy.analysis.claims.verdicts import (
    AT_EDGE,
    FEWEST_SEEDS,
    TOO_FEW,
    Claim,
    Tests,
    above,
    judge,
    within,
)
from pgstudy.analysis.common.names import UNITS, FigureKey
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.statistics.comparisons import welch
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.analysis.tables.aggregates import Aggregates
from pgstudy.analysis.tables.build import Tables, at_best_learning_rates, rows_of
from pgstudy.analysis.tables.tuning import at_edge, learning_rate_slope
from pgstudy.experiment.study.cell import Cell, Group
from pgstudy.experiment.study.study import Study


def build(
    study: Study,
    tables: Tables,
    aggregates: Aggregates,
    gradients: pd.DataFrame,
    tuning: Tables | None = None,
    tradeoffs: Tradeoffs | None = None,
) -> pd.DataFrame:
    """All claims of a study, environment by environment."""
    claims: list[Claim] = []
    returns = _Returns(study, tables, aggregates.pairs, at_edge(study, tuning))
    for environment in study.environments:
        measured = gradients[gradients["environment"] == environment]
        if len(measured):
            claims += gradient_claims(study, environment, measured)
        if tradeoffs is not None:  # its runs end where they arrive, not at a budget
            claims += law_claims(tradeoffs, environment)
            continue
        for estimator in study.estimators:
            claims += returns.claims(environment, estimator)
            if tuning is not None:
                claims += _of_learning_rates(study, environment, estimator, tuning)
    return judge(claims)


@dataclass(frozen=True)
class _Returns:
    """Claims about returns; edges: see `at_edge`."""

    study: Study
    tables: Tables
    pairs: pd.DataFrame
    edges: Mapping[Group, str]

    def claims(self, environment: str, estimator: str) -> Iterator[Claim]:
        best = at_best_learning_rates(self.study, self.tables)
        cells = sorted(best.cells_of(environment, estimator), key=lambda c: c.n)
        if len(cells) > 1:
            ends = cells[0], cells[-1]
            yield from self._at_equal_budgets(*ends)
            yield from self._at_equal_updates(*ends)

    def _at_equal_budgets(self, few: Cell, many: Cell) -> Iterator[Claim]:
        """By the exact rank test; a run that did not finish loses."""
        budget = few.specification.budget
        if budget != many.specification.budget:
            return  # nothing that was equal
        for row in _pair(self.pairs, few, many).to_dict("records"):
            found = Interval(
                row["improvement"], row["improvement_low"], row["improvement_high"]
            )
            half, seeds = row["improvement_p"] / 2, len(self.study.seeds)
            tests = Tests(half, 1 - half)
            barred, note = _barred(self.edges, (few, many), seeds)
            yield Claim(
                few.environment,
                f"At equal {UNITS[budget.unit]}, does the largest N end higher?",
                f"At equal {UNITS[budget.unit]}, {few.estimator} ends "
                f"higher with N = {many.n} than with {few.n}",
                "probability of improvement",
                found,
                tests if found.estimate > 0.5 else Tests(*tests[::-1]),
                FigureKey("improvement"),
                barred=barred,
                note=note,
            )

    def _at_equal_updates(self, few: Cell, many: Cell) -> Iterator[Claim]:
        """By Welch's test of the runs' returns at the last update that all made."""
        steps = [_last_steps(self.tables, cell) for cell in (few, many)]
        if np.isnan(steps).any():
            return
        values = [
            rows_of(self.tables.runs, cell)["equal_updates_return"].dropna()
            for cell in (few, many)
        ]
        test = welch(*(v.to_numpy(np.float64) for v in reversed(values)))
        found = Interval(*test[:3])
        barred, note = _barred(self.edges, (few, many), min(map(len, values)))
        yield Claim(
            few.environment,
            "At equal updates, is the largest N ahead?",
            f"At equal updates, {few.estimator} is ahead with N = "
            f"{many.n}, on {steps[1] / steps[0]:.3g} times the steps of N = {few.n}",
            "difference of mean returns",
            found,
            above(found, 0.0, test.df),
            FigureKey("equal_updates", few.environment),
            barred=barred,
            note=note,
        )


def _pair(pairs: pd.DataFrame, one: Cell, two: Cell) -> pd.DataFrame:
    here = pairs["environment"] == one.environment
    for name, cell in (("one", one), ("two", two)):
        here &= pairs[f"{name}_estimator"] == cell.estimator
        here &= pairs[f"{name}_n"] == cell.n
    return pairs[here]


def _last_steps(tables: Tables, cell: Cell) -> float:
    """Mean environment steps at the last update that all runs made."""
    curve = rows_of(tables.updates, cell).sort_values("update")
    return float(curve["env_steps"].iloc[-1]) if len(curve) else np.nan


def _barred(
    edges: Mapping[Group, str], cells: Sequence[Cell], seeds: int
) -> tuple[str, str]:
    """The verdict that stands whatever the tests say, and why; empty for none."""
    if seeds < FEWEST_SEEDS:
        return TOO_FEW, f"{seeds} seeds, {FEWEST_SEEDS} are needed"
    found = {cell.n: edges[cell.group] for cell in cells if cell.group in edges}
    if not found:
        return "", ""
    texts = [f"of N = {n} is the {end} of its grid" for n, end in found.items()]
    return AT_EDGE, f"the chosen learning rate {', '.join(texts)}"


def _of_learning_rates(
    study: Study, environment: str, estimator: str, tuning: Tables
) -> Iterator[Claim]:
    runs = tuning.runs
    here = (runs["environment"] == environment) & (runs["estimator"] == estimator)
    grids = runs[here].groupby("n")["learning_rate"].nunique()
    if len(grids) < 2 or grids.min() < 2:
        return  # of one learning rate there was no choice
    cells = study.cells_of(environment, estimator)
    found = learning_rate_slope(runs[here])
    seeds = runs.loc[here, "seed"].nunique()
    barred, note = _barred(at_edge(study, tuning), cells, seeds)
    claims = {
        "faster than the root of N": above(found, 0.5),
        "in proportion to N": within(found, 0.9, 1.1),
    }
    for words, tests in claims.items():
        yield Claim(
            environment,
            f"Does the best learning rate grow {words}?",
            f"The best learning rate of {estimator} grows {words}",
            "slope of its logarithm on log N",
            found,
            tests,
            FigureKey("tuning", environment),
            barred=barred,
            note=note,
        )
