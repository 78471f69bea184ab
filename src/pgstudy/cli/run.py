"""`pgstudy run`: check a study file, then hand it to Snakemake."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from pgstudy.cli.common import UserError, app
from pgstudy.experiment.config.loading import read_config
from pgstudy.experiment.system.places import ROOT


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
    read_config(config)
    if not (ROOT / "Snakefile").is_file():
        raise UserError("pgstudy is not installed from a clone; there is no Snakefile")
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


def snakemake_line(config: Path, targets: list[str], cores: str) -> list[str]:
    """The line to type by hand; --configfile comes last, since it takes all it gets."""
    snakefile = [] if Path.cwd() == ROOT else ["--snakefile", str(ROOT / "Snakefile")]
    command = ["snakemake", *targets, "--cores", cores, *snakefile]
    return [*command, "--configfile", str(config)]
