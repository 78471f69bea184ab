"""run.json: what is recorded of a run, written last, with a digest of itself."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import cattrs

from pgstudy.experiment.system import typed_json
from pgstudy.experiment.system.files import canonical_json, write_json
from pgstudy.experiment.system.shared_disk import patiently

# `learning.results.Status`, whose module imports torch, and how a run may fail
RecordedStatus = Literal["finished", "diverged", "stuck", "failed", "interrupted"]

RECORD, SELF = "run.json", "sha256"
FAILED: Literal["failed"] = "failed"
INTERRUPTED: Literal["interrupted"] = "interrupted"
INCOMPLETE = (FAILED, INTERRUPTED)  # whose runs are tried again
MISSING = "missing"
COMPLETE = tuple(s for s in get_args(RecordedStatus) if s not in INCOMPLETE)
STATES = (*COMPLETE, *INCOMPLETE, MISSING)  # a run that is missing has no record
RESULTS = {
    *("stopped_at", "updates", "env_steps", "episodes", "evaluation"),
    *("global_generators", "warnings", "digest", "files"),
}  # what only a complete run has


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made a run: see `provenance.identity.describe`, and the threads; when it
    started, in seconds since 1970; seconds of training, those before a kill included;
    the host, and the number of its job on a cluster.
    """

    made_by: dict[str, Any]
    started: float
    seconds: float = 0.0
    resumed: bool = False
    host: str = ""
    job: str = ""


@dataclass(frozen=True, kw_only=True)
class RunRecord(Provenance):
    """What run.json holds. A field with a default is one that an old record, or that
    of a run that failed or was interrupted, may not have.

    made_of: versions and digest of what makes its environment. specification: as JSON.
    reason: why it failed, was interrupted or ended early, at update `stopped_at`.
    evaluation: returns of the untrained and of the final policy. digest: see
    `Training.digest`. files: SHA-256 by name.
    """

    environment: str
    estimator: str
    n: int
    seed: int
    key: str
    made_of: dict[str, str | None] = field(default_factory=dict)
    specification: dict[str, Any]
    status: RecordedStatus
    reason: str | None = None
    traceback: str = ""
    stopped_at: int | None = None
    updates: int = 0
    env_steps: int = 0
    episodes: int = 0
    evaluation: dict[str, list[float]] = field(default_factory=dict)
    global_generators: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    digest: str = ""
    files: dict[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> float:
        """When its training ended, in seconds since 1970."""
        return self.started + self.seconds

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types; `from_dict` is the inverse."""
        without = RESULTS if self.status in INCOMPLETE else {"traceback"}
        return {k: v for k, v in vars(self).items() if k not in without}

    @staticmethod
    def from_dict(data: Any) -> RunRecord:
        """Keys of a later version are left out. Errors: ValueError."""
        return typed_json.structured(_converter(), data, RunRecord)


def read_record(folder: Path) -> RunRecord | None:
    """The record in a run's folder; None if it is not there or not what was written.

    Errors: OSError, of a disk in trouble.
    """
    content = patiently((folder / RECORD).read_bytes)
    try:
        data = json.loads(content or b"")
        sound = isinstance(data, dict) and data.get(SELF) == _digest_of(data)
        return RunRecord.from_dict(data) if sound else None
    except (ValueError, RecursionError):
        return None


def read_unchecked(folder: Path) -> RunRecord | None:
    """The same, whatever its own digest says."""
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
        return RunRecord.from_dict(json.loads(text))
    except (OSError, ValueError, RecursionError):
        return None


def write_record(folder: Path, record: RunRecord) -> None:
    """Write run.json with its own digest. Errors: ValueError, OSError."""
    data = record.to_dict()
    write_json(folder / RECORD, data | {SELF: _digest_of(data)})


def _digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record without the digest that it carries of itself."""
    rest = {key: value for key, value in record.items() if key != SELF}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


@functools.cache
def _converter() -> cattrs.Converter:
    return typed_json.converter(forbid_extra_keys=False)
