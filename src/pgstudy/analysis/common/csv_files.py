"""Sets of tables as CSV files with full precision, and how they are read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import pandas as pd

from pgstudy.experiment.system.files import write_atomically


def csv_writer(table: pd.DataFrame) -> Callable[[Path], object]:
    """For `write_atomically`: CSV with full precision."""
    return lambda path: table.to_csv(path, index=False, lineterminator="\n")


def read_csv(file: Path | BinaryIO, types: Mapping[str, type]) -> pd.DataFrame:
    """The inverse, for columns of these types.

    A label such as "none" or "1" is text, not a missing value or a number.
    """
    options: Any = {"keep_default_na": False, "na_values": [""], "dtype": types}
    table: pd.DataFrame = pd.read_csv(file, **options)
    return table


class TableSet:
    """A dataclass of tables, each a file of its own in one folder."""

    NAMES: ClassVar[tuple[str, ...]]
    TYPES: ClassVar[Mapping[str, type]]

    def write(self, folder: Path) -> None:
        """Write each."""
        for name in self.NAMES:
            table = getattr(self, name)
            write_atomically(folder / f"{name}.csv", csv_writer(table))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The inverse of `write`."""
        files = {name: folder / f"{name}.csv" for name in cls.NAMES}
        return cls(**{name: read_csv(file, cls.TYPES) for name, file in files.items()})
