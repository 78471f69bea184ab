"""results/<study>/study.json: a study as it was planned, for the commands after that.

It holds the cells as they were resolved, with the code and versions that their runs are
planned with. So whoever reads it parses no config, makes no environment and imports no
user's module, and knows the key of every run.

The rule for code that changes after planning: a study that is read says what was
planned, and a capsule is checked by that on any machine. A command that reads or makes
something in the working folder asks for `Study.now()`: runs planned with other code or
versions than are here now are missing there, as they are for Snakemake, whose rule
`plan` has `digest` as its parameter and so writes the file again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

import cattrs

from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.tuning import Choice, restricted
from pgstudy.experiment.system import typed_json
from pgstudy.experiment.system.files import canonical_json, write_json
from pgstudy.learning.specification import EnvironmentSpecification

STUDY_FILE = "study.json"


class NotAStudyFile(ValueError):
    """A file that `pgstudy plan` did not write; the message says so."""


@dataclass(frozen=True)
class Plan:
    """What a study file holds: a study with all its learning rates, and the choice."""

    study: Study
    chosen: tuple[Choice, ...] | None = None

    def restricted(self) -> Study:
        """The study with the chosen learning rates alone, if some were chosen."""
        if self.chosen is None:
            return self.study
        return restricted(self.study, self.chosen)


def write_plan(file: Path, plan: Plan) -> None:
    """Write a study file; `read_plan` is the inverse. Errors: OSError."""
    write_json(file, asdict(plan))


def digest(study: Study) -> str:
    """SHA-256 of all that a study file holds: settings, keys, published values."""
    return hashlib.sha256(canonical_json(asdict(study)).encode()).hexdigest()[:16]


def read_plan(file: Path) -> Plan:
    """What a study file holds, as planned. Errors: NotAStudyFile."""
    try:
        return structured(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise NotAStudyFile(
            f"{file} is not a study file ({error}); snakemake writes it to "
            "results/<study>/study.json"
        ) from None


def read_study(file: Path) -> Study:
    """The study that a study file describes, as planned. Errors: NotAStudyFile."""
    return read_plan(file).restricted()


def structured(data: Any) -> Plan:
    """A plan from JSON types, if every value is of the type that is declared for it.

    Errors: ValueError.
    """
    return typed_json.structured(_converter(), data, Plan)


@functools.cache
def _converter() -> cattrs.Converter:
    converter = typed_json.converter(forbid_extra_keys=True)
    vectorize = get_type_hints(EnvironmentSpecification)["vectorize"]
    converter.register_structure_hook(vectorize, typed_json.only(bool, str))
    return converter
