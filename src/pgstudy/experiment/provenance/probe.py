"""A program: make an environment, step it once, and tell what its code is made of.

It runs in a process of its own (see `user_code`), so that nothing else was imported
there, and a module that prints, raises, leaves or hangs does no harm.

stdin: a request as JSON, with `path`, where modules are looked for, `specification`, an
environment's, `modules`, others that a run imports, `weights` and `network`, what a
user gave of an estimator's and a policy's specification, and `tops`, all packages.
argv[1]: the file for the answer, see `code_files.Answer`. There is none if the process
ended before the environment was made.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any


class Opened:
    """Every path that this process opens once `at_work`, as the interpreter tells."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.at_work = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not self.at_work:
            return
        path, mode, flags = arguments
        if isinstance(path, str | bytes):
            if mode is None:
                writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
            else:
                writes = any(letter in mode for letter in "wax+")
            place = os.path.abspath(os.fsdecode(path))
            (self.written if writes else self.read).add(place)


def modules(known: set[str], tops: set[str]) -> list[tuple[str, str, list[str]]]:
    """Modules that came since, and those of some packages: name, file, folders."""
    found = []
    for name, module in list(sys.modules.items()):
        if name in known and name.partition(".")[0] not in tops:
            continue
        facts = getattr(module, "__dict__", {})
        file, folders = facts.get("__file__") or "", facts.get("__path__") or []
        if name != "__main__" and (file or folders):
            found.append((name, str(file), [str(folder) for folder in folders]))
    return found


def tell(
    answer: Path, opened: Opened, known: set[str], tops: set[str], fault: str = ""
) -> None:
    """Write what came and what was opened until now; what this opens doesn't count."""
    opened.at_work = False
    told = {
        "modules": modules(known, tops),
        "read": sorted(opened.read),
        "written": sorted(opened.written),
        "fault": fault,
    }
    answer.write_text(json.dumps(told), encoding="utf-8")
    opened.at_work = True


def _try_parts(request: dict[str, Any], environment: Any) -> None:
    """Call a user's own estimator and network: they may read files only then.

    What is wrong with them is told elsewhere.
    """
    from pgstudy.learning.environments.spaces import layout
    from pgstudy.learning.specification import (
        EstimatorSpecification,
        PolicySpecification,
    )
    from pgstudy.learning.trials import weights

    with contextlib.suppress(Exception, SystemExit):
        if request["weights"] is not None:
            how = EstimatorSpecification(**request["weights"])
            weights.check(how, 4, None)
    with contextlib.suppress(Exception, SystemExit):
        if request["network"] is not None:
            from pgstudy.learning.trials import networks  # late: it imports torch

            spaces = environment.observation_space, environment.action_space
            networks.check(PolicySpecification(**request["network"]), layout(*spaces))


def main(request: dict[str, Any], answer: Path) -> None:
    """Write the answer once the environment is made, and again when it was stepped.

    What it does wrong at its first step is no fault here: a run of it will say so.
    """
    from pgstudy.learning.environments.making import make, make_vector
    from pgstudy.learning.environments.registry import load_module
    from pgstudy.learning.specification import EnvironmentSpecification

    specification = EnvironmentSpecification(**request["specification"])
    tops: set[str] = set(request["tops"])
    known, opened = set(sys.modules), Opened()
    made: list[Any] = []
    opened.at_work = True
    try:
        for name in filter(None, [specification.module, *request["modules"]]):
            load_module(name)
        made.append(make(specification))
        if specification.vectorize is True:
            made.append(make_vector(specification, 1))
    except BaseException as error:  # a user's code may raise anything, SystemExit too
        tell(answer, opened, known, tops, str(error) or type(error).__name__)
        return
    tell(answer, opened, known, tops)
    _try_parts(request, made[0])
    for environment in made:
        environment.reset(seed=0)
        environment.action_space.seed(0)
        environment.step(environment.action_space.sample())
    tell(answer, opened, known, tops)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    sys.path[:] = asked["path"]
    try:
        main(asked, Path(sys.argv[1]))
    finally:
        os._exit(0)  # whatever threads it has left behind
