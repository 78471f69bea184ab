"""What a step reads must be there, and be what an earlier step wrote."""

from __future__ import annotations

from pathlib import Path

from pgstudy.experiment.store.digests import changed


class Missing(RuntimeError):
    """What a step needs is not there, or not what was written.

    The message names the command that makes it.
    """


def need(folder: Path, name: str, command: str) -> None:
    """Errors: Missing, naming the command that makes the file."""
    if not (folder / name).exists():
        raise Missing(f"{folder / name} is missing; run `pgstudy {command}` first")
    if changed(folder, name):
        raise Missing(not_what_was_written(folder / name, command))


def not_what_was_written(file: Path, command: str) -> str:
    """The message of a file that was changed, or can't be read."""
    return (
        f"{file} is not what `pgstudy {command}` wrote; call that again, or snakemake, "
        "which makes it and all that follows from it again"
    )
