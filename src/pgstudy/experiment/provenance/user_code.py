"""What a user's code in a run is made of: its files and their digest.

A fresh process imports the modules of the user's own estimator and environment, makes
the environment and steps it once (see `probe`); what it imports and reads meanwhile
tells (see `code_files`). So the answer is the same in every process, whatever else was
imported there. What is Gymnasium's or of other installed packages costs nothing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pgstudy.experiment.provenance import probe
from pgstudy.experiment.provenance.code_files import Answer, UserCode, found
from pgstudy.experiment.provenance.packages import own_modules, own_packages
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.files import canonical_json
from pgstudy.learning.environments.faults import UnusableEnvironment
from pgstudy.learning.specification import EnvironmentSpecification, RunSpecification

SECONDS = 60.0  # for an environment to be imported, made and stepped once


def of(specification: RunSpecification) -> UserCode | None:
    """What makes its runs beyond installed packages; None if nothing does.

    Asked once per process. Errors: ConfigError, if an environment can't be made, or
    hangs.
    """
    return _of(_asked(specification), os.getcwd())


def _asked(specification: RunSpecification) -> str:
    """What is asked of `probe`, as JSON: the environment, and what a user gave."""
    how, policy = specification.estimator, specification.policy
    own = ":" in (policy.network or "")
    weights = {"weights": how.weights, "kwargs": how.kwargs, "gamma": how.gamma}
    network = {"network": policy.network, "kwargs": policy.kwargs}
    return canonical_json(
        {
            "specification": asdict(specification.environment),
            "modules": own_modules(specification),
            "weights": weights if how.weights else None,
            "network": network if own else None,
        }
    )


def faults(specifications: Iterable[RunSpecification]) -> list[str]:
    """Why some runs' code can't be told; several are asked at once."""

    def faults_of(specification: RunSpecification) -> list[str]:
        try:
            of(specification)
        except ConfigError as error:
            return error.faults
        return []

    different = {_asked(s): s for s in specifications}.values()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [fault for part in pool.map(faults_of, different) for fault in part]


def elsewhere(specification: RunSpecification, folder: Path) -> str | None:
    """The digest with the code that lies in another folder; None if it fails there.

    The files that make the runs here are not looked for any more.
    """
    here = of(specification)
    files = [file for _, file in here.files] if here else []
    own = Path(probe.__file__)
    path = [
        place
        for place in map(Path, sys.path)
        if own.is_relative_to(place) or not any(f.is_relative_to(place) for f in files)
    ]
    asked = json.loads(_asked(specification))
    try:
        tops = own_packages(specification.environment, asked["modules"])
        code = found(ask(asked, tops, folder, path), folder)
    except UnusableEnvironment:
        return None
    return code.digest if code else None


def everything(specifications: Iterable[RunSpecification]) -> UserCode:
    """The files of all these runs together. Errors: ConfigError."""
    codes = [code for s in specifications if (code := of(s)) is not None]
    files = sorted({file for code in codes for file in code.files})
    outside = sorted({name for code in codes for name in code.outside})
    digests = canonical_json(sorted({code.digest for code in codes}))
    return UserCode(tuple(files), tuple(outside), digests)


@functools.cache
def _of(text: str, folder: str) -> UserCode | None:
    asked = json.loads(text)
    specification = EnvironmentSpecification(**asked["specification"])
    try:
        tops = own_packages(specification, asked["modules"])
        if not tops:
            return None
        return found(ask(asked, tops, Path(folder)), Path(folder))
    except UnusableEnvironment as error:
        what = ", ".join([specification.id, *asked["modules"]])
        raise ConfigError([f"{what} can't be used: {error}"]) from None


def ask(
    asked: Mapping[str, Any],
    tops: Iterable[str],
    folder: Path,
    path: Iterable[Path | str] = sys.path,
) -> Answer:
    """What `probe` tells of an environment and a user's parts in a working folder.

    Errors: UnusableEnvironment.
    """
    places = [os.path.abspath(place) for place in path]
    request = {**asked, "path": places, "tops": sorted(tops)}
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
