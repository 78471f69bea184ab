"""A wheel takes along what a run needs beside the package, as `pgstudy/project`.

In a checkout it lies at the top; src/pgstudy/experiment/system/places.py knows both.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

LEFT = ("results", "__pycache__")  # of calls in config/examples
PROJECT = ("Snakefile", "workflow", "profiles", "config")


def project_files() -> Iterator[Path]:
    """All of it, by names below this folder."""
    for place in map(Path, PROJECT):
        for file in [place, *sorted(place.rglob("*"))]:
            left = any(part in LEFT or part.startswith(".") for part in file.parts)
            if file.is_file() and not left:
                yield file


class BuildWithProject(build_py):
    """Copies it into what is built; an editable install uses it where it is."""

    def run(self) -> None:
        """Called for a wheel, and for an editable install."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "pgstudy/project")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier build
        for file in project_files():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / file)

    def get_source_files(self) -> list[str]:
        """What an sdist has, from which a wheel can be built, too."""
        return [*super().get_source_files(), *map(str, project_files())]


setup(cmdclass={"build_py": BuildWithProject})
