"""The words of a report: its estimators with their equations, and its quantities."""

from __future__ import annotations

from typing import NamedTuple

from pgstudy.experiment.study.study import Study
from pgstudy.learning.specification import EstimatorSpecification

CREDITS = {"total": ("C_i", "Σ_t' r_it'"), "to-go": ("C_it", "Σ_{t' ≥ t} r_it'")}
BASELINES = {
    "constant": "a constant",
    "leave-one-out": "the mean credit of the other trajectories",
    "per-step-mean": "the mean credit of the others that still run at t",
    "running-mean": "the mean credit of earlier batches",
    "batch-mean": "the mean credit of all, its own included",
    "learned": "a learned value v(s_it)",
}
TERMS = {
    "N": "trajectories in one estimate of the gradient, and so per update",
    "τ_i": "trajectory i: states s_it, actions a_it and rewards r_it, t = 0, 1, …",
    "θ ← θ + α ∇J": "an update, with the learning rate α",
}
OF_A_LAW = {
    "S(N), E(N)": "updates and trajectories to the threshold; E = N S",
    "S_min": "updates that no N can do without",
    "E_min": "trajectories that no N can do without",
    "critical N": "E_min / S_min, where S and E are both twice their least",
}
OF_GRADIENTS = {
    "gradient noise scale": "N times the variance of an estimate over |∇J|²: the N at "
    "which noise and gradient are of one size",
}


class Entry(NamedTuple):
    """A term, its equation if it has one, and what it means."""

    term: str
    equation: str
    words: str


def entries(study: Study) -> list[Entry]:
    """The estimators of a study in its order, then its quantities."""
    found = [_estimator(study, name) for name in study.estimators]
    terms = dict(TERMS)
    if study.tradeoff:
        terms |= OF_A_LAW
    if study.gradients is not None:
        terms |= OF_GRADIENTS
    return found + [Entry(term, "", words) for term, words in terms.items()]


def _estimator(study: Study, name: str) -> Entry:
    cell = next(cell for cell in study.cells if cell.estimator == name)
    how = cell.specification.estimator
    return Entry(name, equation(how), f"{_words(how)}.")


def equation(how: EstimatorSpecification) -> str:
    """The estimate of grad J, as docs/estimators.md has it."""
    credit, _ = CREDITS[how.credit]
    weight = credit if how.baseline == "none" else f"({credit} − b)"
    if how.credit == "to-go" and how.gamma != 1 and how.discounting == "unbiased":
        weight = f"γ^t {weight}"
    if how.normalise:
        weight += " / s"
    if how.length_division:
        weight += " / T_i"
    return f"∇J ≈ 1/N Σ_i Σ_t ∇log π(a_it|s_it) {weight}"


def _words(how: EstimatorSpecification) -> str:
    credit, total = CREDITS[how.credit]
    words = [f"{credit} = {total}"]
    if how.gamma != 1:
        words[0] += f", rewards discounted by γ = {how.gamma:g}"
    if how.baseline != "none":
        words.append(f"b is {BASELINES[how.baseline]}")
    if how.window is not None:
        words.append(f"batches of the last {how.window} updates count")
    if how.decay is not None:
        words.append(f"a batch weighs {how.decay:g} of the next one")
    if how.adaptive is not None:
        most = how.adaptive.most
        words.append(f"N follows the gradient's noise scale, up to {most}")
    if how.normalise:
        words.append("s is the standard deviation of the credits")
    if how.length_division:
        words.append("T_i is the number of steps of the trajectory")
    if how.trajectories_per_start is not None:
        size = how.trajectories_per_start
        words.append(f"groups of {size} trajectories begin in one start state")
    if how.entropy:
        words.append(f"an entropy bonus of {how.entropy:g} is added")
    return "; ".join(words)
