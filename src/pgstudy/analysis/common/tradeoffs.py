"""What a trade-off study found: law/points.csv and law/laws.csv."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pgstudy.analysis.common.columns import TRADEOFFS
from pgstudy.analysis.common.csv_files import TableSet


@dataclass(frozen=True)
class Tradeoffs(TableSet):
    """points: a row per environment, estimator and N; laws: one per environment and
    estimator.
    """

    SCHEMAS = TRADEOFFS

    points: pd.DataFrame
    laws: pd.DataFrame
