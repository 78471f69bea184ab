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
SUM = "∇J ≈ 1/N Σ_i Σ_t ∇log π(a_it|s_it) {}"
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
    if how.weights is not None:
        return SUM.format("w_it")
    credit, _ = CREDITS[how.credit]
    weight = credit if how.baseline == "none" else f"({credit} − b)"
    if how.credit == "to-go" and how.gamma != 1 and how.discounting == "unbiased":
        weight = f"γ^t {weight}"
    if how.normalise:
        weight += " / s"
    if how.length_division:
        weight += " / T_i"
    return SUM.format(weight)


def _words(how: EstimatorSpecification) -> str:
    credit, total = CREDITS[how.credit]
    adaptive = how.adaptive.most if how.adaptive else None
    own = how.weights is not None
    words = {
        f"w_it is what {how.weights} gives": own,
        f"{credit} = {total}": not own,
        f"rewards are discounted by γ = {how.gamma:g}": how.gamma != 1,
        f"b is {BASELINES.get(how.baseline)}": how.baseline != "none",
        f"batches of the last {how.window} updates count": how.window is not None,
        f"a batch weighs {how.decay} of the next one": how.decay is not None,
        "s is the standard deviation of the credits": how.normalise,
        "T_i is the number of steps of the trajectory": how.length_division,
        f"groups of {how.trajectories_per_start} trajectories begin in one start "
        "state": how.trajectories_per_start is not None,
        f"N follows the gradient's noise scale, up to {adaptive}": bool(adaptive),
        f"an entropy bonus of {how.entropy:g} is added": how.entropy != 0,
    }
    return "; ".join(text for text, said in words.items() if said)
