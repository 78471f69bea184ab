"""results/index: which runs were found complete, and how their files looked then.

To hash every file of every run at each call takes a second for a thousand runs. So a
call that has hashed a run notes size, times and inode of its files, as git does, and
while they look the same, they are not hashed again. Among them is the time of the last
change of an inode (ctime), which no program sets: what is written, copied or moved
over a file is seen, whatever time it was given.

Two changes within one tick of the clock look the same. So nothing is noted of a run
that had a file that young when it was hashed, by the clock that stamps the files.

The index saves time and nothing depends on it. If it is lost, damaged, of other code,
or can't be written, all is hashed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from pgstudy.experiment.provenance.identity import code_digest
from pgstudy.experiment.store.runs import Run
from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import write_json
from pgstudy.experiment.system.shared_disk import file_system_time

TICK = 2_000_000_000  # ns, of the coarsest clock, that of FAT
CODE = ("experiment/store", "experiment/system")  # what says that a run is complete


class Index:
    """What is noted of the runs below a results folder.

    noting: whether to note what is found. Only a call that makes files writes it.
    """

    def __init__(self, results: Path, noting: bool = False) -> None:
        self._runs = results / places.RUNS
        self._file = results / places.INDEX
        self._code = code_digest(*CODE)
        self._noted = self._read()
        self._news: dict[str, str] = {}
        self._now = file_system_time(self._runs) if noting else 0

    def is_complete(self, run: Run) -> bool:
        """Whether a run is complete: it looks as noted, or its SHA-256 say so."""
        look, newest = _look(run.folder)  # before its files are read
        place = f"{run.cell.folder}/{run.folder.name}"
        if look and self._noted.get(place) == look:
            return True
        complete = run.is_complete()
        if complete and newest + TICK < self._now:
            self._news[place] = look
        return complete

    def write(self) -> None:
        """Write what was noted, if any of it is new, without runs that are gone."""
        if self._news:
            kept = {k: v for k, v in self._noted.items() if (self._runs / k).exists()}
            data = {"code": self._code, "runs": kept | self._news}
            with contextlib.suppress(OSError):
                write_json(self._file, data)

    def _read(self) -> dict[str, str]:
        try:
            data = json.loads(self._file.read_text(encoding="utf-8"))
            return dict(data["runs"]) if data["code"] == self._code else {}
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return {}


def _look(folder: Path) -> tuple[str, int]:
    """A hash of how all files of a run look, and the newest of their times.

    Empty if they can't be looked at.
    """
    looks, newest = [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                s = entry.stat()
                look = s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino
                looks.append((entry.name, *look))
                newest = max(newest, s.st_mtime_ns, s.st_ctime_ns)
    except OSError:
        return "", 0
    return hashlib.sha256(repr(sorted(looks)).encode()).hexdigest()[:24], newest
