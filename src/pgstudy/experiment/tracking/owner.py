"""Whose an entry of MLflow's is: tags name its user, and the results folder it mirrors.

Several people, and several results folders of one of them, may share a server. Nobody
changes, retires or deletes an entry of another results folder.
"""

from __future__ import annotations

import getpass
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgstudy.experiment.system import places
from pgstudy.experiment.system.files import write_json
from pgstudy.experiment.system.shared_disk import lock_of
from pgstudy.experiment.tracking import mirror

OWNER, STORE = "owner", "store"
USERNAME = "MLFLOW_TRACKING_USERNAME"


@dataclass(frozen=True)
class Owner:
    """Who writes to MLflow now.

    user: the name that people see; nothing else depends on it.
    store: the id of the results folder.
    alone: whether MLflow's database is the results folder's own.
    """

    user: str
    store: str
    alone: bool

    @property
    def tags(self) -> dict[str, str]:
        """Those of every entry; MLflow's UI shows the last one as `User`."""
        return {OWNER: self.user, STORE: self.store, "mlflow.user": self.user}

    @property
    def query(self) -> str:
        """What a server finds our entries by."""
        return f"tags.{STORE} = '{self.store}'"

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether an entry with these tags mirrors our results folder.

        Earlier versions named no store: such an entry is ours in our own database, and
        of somebody unknown anywhere else.
        """
        return self.store == tags.get(STORE, self.store if self.alone else "")


def owner(results: Path) -> Owner:
    """The owner of what is uploaded from a results folder. Errors: OSError."""
    alone = mirror.own_store(results) is not None
    return Owner(_user(), store_id(results), alone)


def store_id(results: Path) -> str:
    """The id of a results folder, a random UUID that is written once. Errors: OSError.

    It goes where the folder goes, and a copy of the folder has it, too.
    """
    file, lock = results / places.STORE_ID, results / places.LOCKS / places.STORE_ID
    if known := _read(file):
        return known
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock_of(lock):
        if not (known := _read(file)):
            known = str(uuid.uuid4())
            write_json(file, known)
    return known


def _read(file: Path) -> str | None:
    try:
        return str(uuid.UUID(json.loads(file.read_text(encoding="utf-8"))))
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None


def _user() -> str:
    """As the server knows them, else as this machine does."""
    try:
        return os.environ.get(USERNAME) or getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return str(os.getuid())
