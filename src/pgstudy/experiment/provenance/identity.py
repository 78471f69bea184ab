"""What made a run: code, versions, machine."""

from __future__ import annotations

import functools
import hashlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pgstudy.experiment.provenance import git, user_code
from pgstudy.experiment.provenance.code_files import digest_now
from pgstudy.experiment.provenance.packages import is_installed_package, own_modules
from pgstudy.experiment.system.places import PACKAGE, ROOT
from pgstudy.learning import dispatch
from pgstudy.learning.environments import registry
from pgstudy.learning.specification import RunSpecification

CODE = "code"  # a user's, among the facts of an environment
NUMERIC_LIBRARIES = ("gymnasium", "numpy", "torch")
KNOWN = (*NUMERIC_LIBRARIES, "pgstudy")  # in the identity of all runs
PACKAGES = (
    "snakemake",
    "mlflow",
    "pandas",
    "pyarrow",
    "scipy",
    "seaborn",
    "matplotlib",
)


def _is_code(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(PACKAGE).parts)
    return path.suffix in (".py", ".j2", ".js") and path.is_file() and not hidden


def code_digest(*places: str) -> str:
    """SHA-256 over package files, given as files or folders below src/pgstudy.

    Only code, templates and scripts count, not what an editor leaves beside them.
    """
    files = [
        file
        for place in places
        for file in (PACKAGE / place, *(PACKAGE / place).rglob("*"))
        if _is_code(file)
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(PACKAGE)} {file.stat().st_size} ".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def numeric_identity() -> dict[str, str]:
    """What decides a number beside the specification: part of every key.

    The learning code, the numeric libraries by version, and their instructions.
    """
    versions = {name: metadata.version(name) for name in NUMERIC_LIBRARIES}
    code = {"learning": code_digest("learning"), "dispatch": dispatch.state()}
    return {**code, **versions}


@functools.cache
def _packages_identity(packages: tuple[str, ...]) -> dict[str, str | None]:
    if not packages:
        return {}  # the next line takes .2 s
    found = metadata.packages_distributions()
    names = {p: found.get(p, [p])[0] for p in packages}
    return {p: _version(name) for p, name in names.items()}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Identity:
    """What decides a run's bits beside its specification and its seed.

    numeric: the code in learning/ and the numeric libraries, by version.
    environment: the digest of a user's `code`, and the versions of packages other than
    Gymnasium that make the environment, or that a user names; None for one that is not
    installed.
    files: SHA-256 of each file of that code, by name.
    """

    numeric: Mapping[str, str]
    environment: Mapping[str, str | None]
    files: Mapping[str, str]

    def facts(self) -> dict[str, str | None]:
        """All that is part of a run's key."""
        return {**self.numeric, **self.environment}

    def lacking(self) -> list[str]:
        """Packages that are not installed here."""
        return [name for name, what in self.environment.items() if what is None]

    def now(self) -> Identity:
        """The same with the code and the versions that are here now.

        No environment is made and no user's module imported: its files are read.
        """
        packages = tuple(name for name in self.environment if name != CODE)
        code = {k: v for k, v in self.environment.items() if k == CODE}
        if changed := digest_now(self.files, Path.cwd()):
            code = {CODE: changed}
        environment = {**code, **_packages_identity(packages)}
        return Identity(numeric_identity(), environment, self.files)


NOT_KNOWN = Identity({}, {}, {})  # of a cell whose config is not known to be sound


def identity_of(specification: RunSpecification) -> Identity:
    """The identity of runs; a user's environment is made for it, and modules imported.

    Errors: ConfigError.
    """
    code = user_code.of(specification)
    environment: dict[str, str | None] = {} if code is None else {CODE: code.digest}
    packages = registry.packages(specification.environment)
    tops = [name.partition(".")[0] for name in own_modules(specification)]
    packages += filter(is_installed_package, tops)
    named = dict.fromkeys(p for p in packages if p not in KNOWN)
    environment |= _packages_identity(tuple(named))
    files = {} if code is None else code.contents
    return Identity(numeric_identity(), environment, files)


def _lock_digest() -> str | None:
    """SHA-256 of the lock file that the environment was made from, if it is here."""
    file = ROOT / "requirements.lock"
    return (
        hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else None
    )


def utc(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.processor()


@functools.cache
def describe() -> dict[str, Any]:
    """Everything about this process that may explain a difference between two runs."""
    return {
        "git": git.state(),
        "lock": _lock_digest(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "libc": " ".join(platform.libc_ver()),
        "command": [Path(argument).name for argument in sys.argv[:2]],
        "packages": {name: _version(name) for name in PACKAGES},
        **numeric_identity(),
    }
