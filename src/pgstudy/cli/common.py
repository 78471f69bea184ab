"""What all commands share: the app, its errors, and how a study file is read."""

from __future__ import annotations

import errno
import json
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from pgstudy.analysis.common.needed import Missing
from pgstudy.analysis.common.parts import parts
from pgstudy.cli.panels import CommandsInPanels
from pgstudy.experiment.store.digests import changed
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study_file import NotAStudyFile, read_study
from pgstudy.experiment.system import logs
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.shared_disk import TROUBLE

app = typer.Typer(
    cls=CommandsInPanels,
    help="What does a policy-gradient estimate from N trajectories buy?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
RESULTS = Path("results")
Result = TypeVar("Result")
DISK = TROUBLE | {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
}
StudyFile = Annotated[Path, typer.Argument(help="results/<study>/study.json")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pgstudy {version('pgstudy')}")
        raise typer.Exit


@app.callback()
def _options(
    log: Annotated[
        Path | None, typer.Option(help="Also write all output to this file.")
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    if log is not None:
        logs.tee(log)


class UserError(RuntimeError):
    """A mistake or trouble that its message explains; no traceback is shown."""


def main() -> None:
    """Entry point: an error meant for the user is one message and exit code 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app(prog_name="pgstudy")
    except (ConfigError, UserError) as error:
        print(f"pgstudy: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK:
            raise
        where = f" ({error.filename})" if error.filename else ""
        cure = "mend that and call again; what is complete is kept"
        what = "read or write" if error.errno in TROUBLE else "write"
        print(
            f"pgstudy: can't {what}{where}: {error.strerror}; {cure}", file=sys.stderr
        )
        sys.exit(1)
    except KeyboardInterrupt:  # typer takes it once it has made its commands
        sys.exit(128 + signal.SIGINT)
    finally:  # the command is over: Ctrl-C would print a traceback of what ends it
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def opened(study_file: Path) -> StudyFolder:
    """The folder of a study file, with its study and runs. Errors: UserError.

    Runs that were planned with other code than is here now count as missing.
    """
    if changed(study_file.parent, study_file.name):
        raise UserError(
            f"{study_file} is not what `pgstudy plan` wrote; call snakemake, which "
            "makes it and all that follows from it again"
        )
    try:
        study = read_study(study_file).now()
    except NotAStudyFile as error:
        raise UserError(str(error)) from None
    return StudyFolder(Store(study_file.resolve().parents[1]), study, study_file.parent)


def make(step: str, study_file: Path, *part: str) -> None:
    """Make a step of `analysis.steps`, or one of its parts. Errors: UserError."""
    from pgstudy.analysis import steps

    def made(folder: StudyFolder) -> None:
        if part and part not in parts(step, folder.study):
            raise UserError(f"the study has no {step} of {', '.join(part)}")
        steps.make(step, folder, *part)

    with_outputs(made, study_file)


def with_outputs(use: Callable[[StudyFolder], Result], study_file: Path) -> Result:
    """What is read or made of what earlier steps wrote. Errors: UserError."""
    folder = opened(study_file)
    try:
        return use(folder)
    except Missing as error:
        raise UserError(str(error)) from None


def table_of(text: str) -> dict[str, Any]:
    """What the workflow's rules hand on as JSON. Errors: UserError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"that is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise UserError("that is no table in JSON")
    return data
