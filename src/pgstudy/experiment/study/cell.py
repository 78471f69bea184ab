"""Cells (environment, estimator, N, learning rate) and the blocks of their runs."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

from pgstudy.experiment.provenance.identity import Identity, identity_of
from pgstudy.experiment.system.files import canonical_json
from pgstudy.learning.specification import RunSpecification


def folder_name(label: str) -> str:
    """A label as one path component, reversibly: a slash becomes %2F."""
    return quote(label, safe="")


def learning_rate_text(value: float) -> str:
    """A learning rate as people write it: 2^-12, or a decimal number."""
    mantissa, exponent = math.frexp(value)
    return f"2^{exponent - 1}" if mantissa == 0.5 and value < 0.05 else f"{value:.3g}"


@dataclass(frozen=True)
class Cell:
    """Environment, estimator, N and learning rate, as the specification of its runs.

    `identity`: the code and versions that its runs are planned with.
    """

    environment: str
    estimator: str
    specification: RunSpecification
    threshold: float | None
    identity: Identity

    @property
    def n(self) -> int:
        """Trajectories per update."""
        return self.specification.n

    @property
    def group(self) -> Group:
        """What it shares with its rivals."""
        return Group(self.environment, self.estimator, self.n)

    @property
    def learning_rate(self) -> float:
        """Of the optimizer, at the start."""
        return self.specification.optimizer.learning_rate

    @property
    def short_label(self) -> str:
        """How people call the cell where its environment is clear."""
        shown = learning_rate_text(self.learning_rate)
        return f"{self.estimator}, N = {self.n}, learning rate {shown}"

    @property
    def label(self) -> str:
        """How people call the cell."""
        return f"{self.environment}, {self.short_label}"

    @functools.cached_property
    def folder(self) -> PurePosixPath:
        """Where the cell's runs lie below the run store."""
        return PurePosixPath(
            folder_name(self.environment), folder_name(self.estimator), f"N{self.n}"
        )

    def key(self, seed: int) -> str:
        """Identity of a run: a hash of all that decides its bits."""
        before, after = self._around_seed
        return _short_digest(f"[{before},{seed:d},{after}]")

    @functools.cached_property
    def _around_seed(self) -> tuple[str, str]:
        """What all its keys are made of, as canonical JSON: a study has many seeds."""
        facts = canonical_json(self.identity.facts())
        return canonical_json(self.specification.to_dict()), facts

    def now(self) -> Cell:
        """The cell with the code and versions that are here now."""
        return replace(self, identity=self.identity.now())


class Group(NamedTuple):
    """What cells have in common that differ in the learning rate alone."""

    environment: str
    estimator: str
    n: int

    def __str__(self) -> str:
        """How people call it."""
        return f"{self.environment}, {self.estimator}, N = {self.n}"


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_name(seed: int, key: str) -> str:
    """The name of a run's folder below its cell's."""
    return f"seed{seed}-{key}"


def rivals(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Groups of cells that differ in the learning rate alone."""
    found: dict[Group, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.group, []).append(cell)
    return list(found.values())


@dataclass(frozen=True)
class Block:
    """Seeds of one cell that one job trains."""

    cell: Cell
    seeds: tuple[int, ...]

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys of its runs."""
        return tuple(self.cell.key(seed) for seed in self.seeds)

    @functools.cached_property
    def manifest(self) -> str:
        """The manifest's path below the manifest folder, without its ending.

        It is named after the keys of the block's runs, so a manifest that is there is
        never one of other settings.
        """
        digest = _short_digest(canonical_json(self.keys))
        return str(self.cell.folder / f"seeds{self.seeds[0]}-{digest}")

    def to_json(self) -> str:
        """All that a training process needs, as canonical JSON."""
        return canonical_json(
            {
                "environment": self.cell.environment,
                "estimator": self.cell.estimator,
                "specification": self.cell.specification.to_dict(),
                "seeds": self.seeds,
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Block:
        """The inverse of `to_json`, but for the cell's threshold.

        The keys are those of the code that is here now, whoever planned the block.
        Errors: KeyError, TypeError, ConfigError.
        """
        specification = RunSpecification.from_dict(data["specification"])
        identity = identity_of(specification)
        labels = data["environment"], data["estimator"]
        cell = Cell(*labels, specification, None, identity)
        return cls(cell, tuple(data["seeds"]))


@dataclass(frozen=True)
class LeftOut:
    """A cell that the config names and that can't exist, with the reason."""

    environment: str
    estimator: str
    n: int
    reason: str

    @property
    def label(self) -> str:
        """How people call the cell."""
        return str(Group(self.environment, self.estimator, self.n))
