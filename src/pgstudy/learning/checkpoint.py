"""A training's state between two updates, from which it goes on to the same bits.

A snapshot is plain Python and numpy data. What it does not hold is made anew from the
specification and the seed.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pgstudy.learning.environments import global_generators

if TYPE_CHECKING:
    from pgstudy.learning.reinforce import Trainer

Snapshot = dict[str, Any]
PLAIN = ("spent", "evaluation", "milestones")  # of a trainer, as they are


def snapshot(trainer: Trainer) -> Snapshot | None:
    """The state after an update; None where the environment's can't be had.

    Environments are between two episodes then, so their generators and the global ones
    are their state: true of Gymnasium's own and of the corridor, unknown of any other.
    """
    lanes = trainer.sampler.lanes.state()
    if lanes is None:
        return None
    parts = {name: part.state() for name, part in _parts(trainer).items()}
    plain = {name: getattr(trainer, name) for name in (*PLAIN, "warnings")}
    drawn = global_generators.states()
    return copy.deepcopy({"lanes": lanes, "global": drawn, **parts, **plain})


def restore(trainer: Trainer, saved: Snapshot) -> None:
    """Bring a new trainer of the same specification and seed to a snapshot's state."""
    trainer.sampler.lanes.restore(saved["lanes"])
    for name, part in _parts(trainer).items():
        part.restore(saved[name])
    for name in PLAIN:
        getattr(trainer, name).update(saved[name])
    trainer.warnings = tuple(saved["warnings"])
    global_generators.set_states(saved["global"])


def _parts(trainer: Trainer) -> dict[str, Any]:
    """Everything that an update changes, but for the lanes."""
    parts = {
        "parameters": trainer.policy.parameters,
        "optimizer": trainer.optimizer,
        "weights": trainer.weights,
        "noise": trainer.sampler.noise,
        "history": trainer.history,
    }
    if trainer.policy.normaliser is not None:
        parts["normaliser"] = trainer.policy.normaliser
    return parts
