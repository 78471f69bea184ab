"""Updates of a run as a page that goes through them step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pgstudy.analysis.lesson.updates import Played, Update
from pgstudy.analysis.report.glossary import equation
from pgstudy.analysis.report.html import pages
from pgstudy.experiment.store.record import RunRecord
from pgstudy.experiment.study.cell import learning_rate_text
from pgstudy.learning.estimators.weights import Array
from pgstudy.learning.specification import RunSpecification

TEMPLATES = Path(__file__).parent / "templates"
ACTIONS: dict[str, tuple[str, ...]] = {"ShortCorridor-v0": ("left", "right")}
ROUNDING = 1e-6  # of the larger of two gradients: the other one is 0
SHOWN = 40  # steps of a trajectory


def page(record: RunRecord, updates: Sequence[Update]) -> str:
    """A page of HTML that needs no network."""
    environment = pages(TEMPLATES)
    environment.filters["short"] = _short
    specification = RunSpecification.from_dict(record.specification)
    return environment.get_template("watch.html.j2").render(
        record=record,
        specification=specification,
        learning_rate=learning_rate_text(specification.optimizer.learning_rate),
        equation=equation(specification.estimator),
        updates=[_values(one, specification) for one in updates],
    )


def _short(value: float) -> str:
    """A number of three digits, with a true minus sign."""
    text = f"{0.0 if abs(value) < 5e-7 else value:.3g}"
    return text.replace("-", "−")


def _values(update: Update, specification: RunSpecification) -> dict[str, Any]:
    """What the template shows of an update."""
    states, actions = update.before.chances.shape
    numbered = tuple(f"action {k}" for k in range(actions))
    names = ACTIONS.get(specification.environment.id, numbered)
    largest = max(abs(one.term).max() for one in update.played) or 1.0
    return {
        "shown": update,
        "actions": names,
        "states": states,
        "parameters": [f"θ{_subscript(k)}" for k in range(len(update.before.theta))],
        "trajectories": [_trajectory(one, names, largest) for one in update.played],
        "angle": _angle(update.estimate, update.exact),
        "theta_step": update.after.theta - update.before.theta,
    }


def _trajectory(one: Played, names: Sequence[str], largest: float) -> dict[str, Any]:
    equal = len(set(one.weights)) == 1
    return {
        "steps": [
            {"state": s, "action": a, "letter": names[a][0] if names[a] else a}
            for s, a in zip(one.states, one.actions, strict=True)
        ][:SHOWN],
        "more": max(0, len(one.actions) - SHOWN),
        "total": sum(one.rewards),
        "length": len(one.rewards),
        "weight": one.weights[0] if equal else None,
        "weights": one.weights[:SHOWN],
        "score": one.score,
        "term": one.term,
        "share": [value / largest for value in one.term],
    }


def _angle(estimate: Array, exact: Array | None) -> float | None:
    """Between the two, in degrees; None where there is none."""
    if exact is None:
        return None
    sizes = [float(np.linalg.norm(one)) for one in (estimate, exact)]
    if min(sizes) <= ROUNDING * max(sizes):
        return None
    norms = sizes[0] * sizes[1]
    return float(np.degrees(np.arccos(np.clip(estimate @ exact / norms, -1, 1))))


def _subscript(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
