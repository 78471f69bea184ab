"""Sets of tables as CSV files with full precision, and how they are read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import pandas as pd

from pgstudy.analysis.common.columns import Schema, of_type
from pgstudy.experiment.system.files import write_atomically


def csv_writer(table: pd.DataFrame) -> Callable[[Path], object]:
    """For `write_atomically`: CSV with full precision."""
    return lambda path: table.to_csv(path, index=False, lineterminator="\n")


def read_csv(file: Path | BinaryIO, schema: Schema) -> pd.DataFrame:
    """The inverse; columns that the file lacks, or has beside the schema, are no error.

    A label such as "none" or "1" is text, not a missing value or a number. Numbers are
    what the file says, whole or not, and without rows they are numbers too.
    """
    text = dict.fromkeys(of_type(schema, str), str)
    options: Any = {"keep_default_na": False, "na_values": [""], "dtype": text}
    table: pd.DataFrame = pd.read_csv(file, **options)
    if table.empty:
        numbers = [c for c in of_type(schema, int, float) if c in table]
        table = table.astype(dict.fromkeys(numbers, float))
    return table


class TableSet:
    """A dataclass of tables, each a file of its own in one folder."""

    SCHEMAS: ClassVar[Mapping[str, Schema]]

    def write(self, folder: Path) -> None:
        """Write each."""
        for name in self.SCHEMAS:
            table = getattr(self, name)
            write_atomically(folder / f"{name}.csv", csv_writer(table))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The inverse of `write`."""
        return cls(
            **{
                name: read_csv(folder / f"{name}.csv", schema)
                for name, schema in cls.SCHEMAS.items()
            }
        )
