"""`pgstudy init` and `pgstudy run`: a first study file, and Snakemake with it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from pgstudy.cli.common import UserError, app
from pgstudy.experiment.config.loading import read_config
from pgstudy.experiment.system.places import ROOT, SNAKEFILE

FIRST = ROOT / "config" / "first.yaml"


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="to write")] = Path("study.yaml"),
) -> None:
    """Write a small study to start from; no file is overwritten."""
    _require_project()
    text = FIRST.read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise UserError(f"{file} is there already; name another file") from None
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"there is no folder {file.parent}") from None
    name = shlex.quote(str(file))
    print(f"{file} is a study of under a minute; next, type\n  pgstudy run {name}")


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="a config file")],
    targets: Annotated[
        list[str] | None,
        typer.Argument(help="verify, capsule ..., and after -- Snakemake's options"),
    ] = None,
    cores: Annotated[str, typer.Option(help="a number, or all")] = "all",
) -> None:
    """Check a study's config file, then run it with Snakemake."""
    _require_project()
    read_config(config)
    command = snakemake_line(config, targets or [], cores)
    print(shlex.join(command), file=sys.stderr, flush=True)
    # the rules call pgstudy by its name
    here = str(Path(sys.executable).parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("PATH")]))
    # the same process from now on: its signals and its exit code are Snakemake's
    os.execve(
        sys.executable,
        [sys.executable, "-m", *command],
        os.environ | {"PATH": path},
    )


def _require_project() -> None:
    """Errors: UserError, where the package lies alone, as in the image for clusters."""
    if not SNAKEFILE.is_file():
        cure = "install its wheel, or work in a checkout"
        raise UserError(f"pgstudy is here without its Snakefile; {cure}")


def snakemake_line(config: Path, targets: list[str], cores: str) -> list[str]:
    """The line to type by hand; --configfile comes last, since it takes all it gets."""
    snakefile = [] if Path.cwd() == ROOT else ["--snakefile", str(SNAKEFILE)]
    command = ["snakemake", *targets, "--cores", cores, *snakefile]
    return [*command, "--configfile", str(config)]
