"""What a user's environment is made of: its files and their digest.

A fresh process imports the environment, makes it and steps it once (see `probe`); what
it imports and reads meanwhile tells (see `code_files`). So the answer is the same in
every process, whatever else was imported there. Environments of Gymnasium and of other
installed packages cost nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pgstudy.experiment.provenance import probe
from pgstudy.experiment.provenance.code_files import (
    Answer,
    UserCode,
    found,
    is_installed,
)
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.files import canonical_json
from pgstudy.learning.environments import registry
from pgstudy.learning.environments.spaces import UnusableEnvironment
from pgstudy.learning.specification import EnvironmentSpecification

SECONDS = 60.0  # for an environment to be imported, made and stepped once


def of(specification: EnvironmentSpecification) -> UserCode | None:
    """What makes an environment beyond installed packages; None if nothing does.

    Asked once per process. Errors: ConfigError, if it can't be made, or hangs.
    """
    return _of(canonical_json(asdict(specification)), os.getcwd())


def faults(specifications: Iterable[EnvironmentSpecification]) -> list[str]:
    """Why some environments' code can't be told; several are asked at once."""

    def faults_of(specification: EnvironmentSpecification) -> list[str]:
        try:
            of(specification)
        except ConfigError as error:
            return error.faults
        return []

    different = {canonical_json(asdict(s)): s for s in specifications}.values()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [fault for part in pool.map(faults_of, different) for fault in part]


def elsewhere(specification: EnvironmentSpecification, folder: Path) -> str | None:
    """The digest with the code that lies in another folder; None if it fails there.

    The files that make the environment here are not looked for any more.
    """
    here = of(specification)
    files = [file for _, file in here.files] if here else []
    own = Path(probe.__file__)
    path = [
        place
        for place in map(Path, sys.path)
        if own.is_relative_to(place) or not any(f.is_relative_to(place) for f in files)
    ]
    try:
        tops = _own_packages(specification)
        code = found(ask(specification, tops, folder, path), folder)
    except UnusableEnvironment:
        return None
    return code.digest if code else None


def everything(specifications: Iterable[EnvironmentSpecification]) -> UserCode:
    """The files of all these environments together. Errors: ConfigError."""
    codes = [code for s in specifications if (code := of(s)) is not None]
    files = sorted({file for code in codes for file in code.files})
    outside = sorted({name for code in codes for name in code.outside})
    digests = canonical_json(sorted({code.digest for code in codes}))
    return UserCode(tuple(files), tuple(outside), digests)


@functools.cache
def _of(text: str, folder: str) -> UserCode | None:
    specification = EnvironmentSpecification(**json.loads(text))
    try:
        tops = _own_packages(specification)
        if not tops:
            return None
        answer = ask(specification, tops, Path(folder))
        return found(answer, Path(folder))
    except UnusableEnvironment as error:
        raise ConfigError([f"{specification.id} can't be used: {error}"]) from None


def _own_packages(specification: EnvironmentSpecification) -> set[str]:
    """The packages that register and make an environment and are not installed."""
    if specification.vectorize == "envpool":
        return set()
    if specification.module is not None:
        registry.load_module(specification.module)
    entry = registry.registered(specification.id)
    wrappers = [wrapper.entry_point for wrapper in entry.additional_wrappers]
    places: list[Any] = [entry.entry_point, entry.vector_entry_point, *wrappers]
    names = [p if isinstance(p, str) else getattr(p, "__module__", "") for p in places]
    names.append(specification.module or "")
    tops = {name.partition(":")[0].partition(".")[0] for name in names if name}
    return {top for top in tops if not _is_installed_package(top)}


@functools.cache
def _is_installed_package(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    origin = spec.origin if spec else None
    return origin is not None and is_installed(Path(origin))


def ask(
    specification: EnvironmentSpecification,
    tops: Iterable[str],
    folder: Path,
    path: Iterable[Path | str] = sys.path,
) -> Answer:
    """What `probe` tells of an environment in a working folder.

    Errors: UnusableEnvironment.
    """
    request = {
        "path": [os.path.abspath(place) for place in path],
        "specification": asdict(specification),
        "tops": sorted(tops),
    }
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "answer.json"
        code = _run([probe.__file__, str(file)], json.dumps(request), folder)
        if not file.is_file():
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            reason = f"it ended its process ({how}) before it was made"
            raise UnusableEnvironment(reason)
        answer: Answer = json.loads(file.read_text(encoding="utf-8"))
    if answer["fault"]:
        raise UnusableEnvironment(answer["fault"])
    return answer


def _run(program: list[str], request: str, folder: Path) -> int:
    """Run a program and end all that it started; its output goes nowhere."""
    process = subprocess.Popen(
        [sys.executable, "-P", *program], cwd=folder, start_new_session=True, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.communicate(request, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        cause = "be imported, made and stepped once"
        raise UnusableEnvironment(f"it takes over {SECONDS:g} s to {cause}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode
