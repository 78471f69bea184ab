"""The order of the commands in `pgstudy --help`, in two panels."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

# What a person types, in the order of a study's life.
USERS = (
    *("init", "check", "settings", "run", "progress", "summary", "advise", "prove"),
    *("watch", "ui", "doctor", "prune", "capsule", "export", "document"),
)
# What the workflow's rules call; each works by hand too.
WORKFLOW = (
    *("plan", "train", "train-blocks", "check-lock", "check-tracking", "track"),
    *("tracked", "tables", "search", "choose"),
    *(
        "measure",
        "gradients",
        "law",
        "compare",
        "claims",
        "proofs",
        "recordings",
        "figures",
        "paper",
    ),
    *("report", "accept", "partial-report", "verify"),
)
ORDER = USERS + WORKFLOW
WORKFLOW_PANEL = "Steps of the workflow"


class CommandsInPanels(TyperGroup):
    """Users' commands first; all others, also one not listed here, in a panel below."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        names = sorted(self.commands, key=(*ORDER, *self.commands).index)
        self.commands = {name: self.commands[name] for name in names}
        for name in names:
            if name not in USERS:
                self.commands[name].rich_help_panel = WORKFLOW_PANEL  # type: ignore[attr-defined]
