"""What each figure shows, for the report and for those who can't see it."""

from __future__ import annotations

from dataclasses import dataclass

from pgstudy.analysis.common.names import (
    FEW_RUNS,
    LARGEST_MATRIX,
    FigureKey,
    figure_keys,
)
from pgstudy.experiment.study.cell import rivals
from pgstudy.experiment.study.study import Study

INTERVAL = f"from {FEW_RUNS} seeds on the 95 % t interval over seeds"
RANGE = "Parts of a seed or band far from the means are cut off"
TEXTS = {
    "learning_curves": "{e}: mean return of the training batches against {unit}, one "
    f"panel per estimator; single seeds are faint, the band is {INTERVAL}; dashed: the "
    f"threshold. {RANGE}",
    "learning_rates": "{e}: return over the last tenth of training against the "
    f"learning rate: mean, and {INTERVAL}",
    "tradeoff": "{e}: trajectories against updates to the threshold, a point for each "
    "N; its 95 % interval lies along E = N S. Hollow: some runs did not arrive. Lines: "
    "the fitted laws S = S_min + E_min/N. Star: the critical N that the gradient's "
    "noise predicts",
    "critical_n": "Critical N = E_min / S_min of each environment and estimator, with "
    "95 % intervals: fitted to the runs (dots), and predicted from the noise of the "
    "gradient (stars). An arrow: the interval has no upper end",
    "tuning": "{e}: above, {value} against the learning rate, mean over the tuning "
    "seeds, the chosen one ringed; below, the "
    "chosen learning rate against N, beside a linear and a square-root rule through "
    "the smallest N",
    "equal_updates": "{e}: the same at equal updates, where N trajectories cost N "
    f"times the steps. This picture always flatters a large N. {RANGE}",
    "gradients": "{e}: estimates of the gradient from N fresh trajectories, at "
    "policies of the start, the middle and the end of training: trace of the "
    "covariance (dashed: 1/N), gradient noise scale, mean cosine to the gradient; "
    "95 % intervals over batches",
    "variance_sources": "{e}: where the variance of one trajectory's gradient comes "
    "from, as shares of it: the start state, the variances of single steps given the "
    "start, and the covariances between steps, which may be below 0; the line is the "
    "95 % interval of the start's part. Estimators whose weights depend on other "
    "trajectories are not split",
    "final_return": "Return over the last tenth of training against N: every seed "
    f"(dots), mean, and {INTERVAL}; dashed: the threshold",
    "wall_clock": "Return over the last tenth of training against the mean seconds "
    "that a run took on this study's machine",
    "profiles": "Performance profiles: share of runs above each score, in each "
    "environment with a threshold; 95 % exact intervals, each for one score",
    "improvement": "Probability that a run of the row's cell ends above one of the "
    "column's (estimator, N), with its 95 % interval; a run that did not finish loses",
}
# The same of the interactive chart that stands in for a picture, where it differs.
CHARTS = {
    "learning_curves": "{e}: mean return of the training batches against {unit}, a "
    f"line for each N and estimator; the band is {INTERVAL}",
    "equal_updates": "{e}: the same at equal updates, where N trajectories cost N "
    "times the steps. This picture always flatters a large N",
    "final_return": "Return over the last tenth of training against N: every seed "
    f"(dots), mean, and {INTERVAL}",
    "tuning": "{e}: {value} against the learning rate, mean over the tuning seeds; "
    "the chosen ones are filled",
    "gradients": "{e}: estimates of the gradient from N fresh trajectories, at "
    "policies of the start, the middle and the end of training: variance (trace of "
    "the covariance) or noise scale, with 95 % intervals over batches",
}
SECTIONS = {
    "law": ("tradeoff", "critical_n"),
    "curves": ("learning_curves", "learning_rates", "tuning", "equal_updates"),
    "aggregates": ("final_return", "profiles", "improvement", "wall_clock"),
    "gradients": ("gradients", "variance_sources"),
}


@dataclass(frozen=True)
class Caption:
    """A figure's name without ending, its section of the report, and what it shows.

    chart: what the chart in its place shows.
    """

    name: str
    section: str
    text: str
    chart: str


def captions(study: Study) -> list[Caption]:
    """One for each of `figure_keys`."""
    return [_caption(study, key) for key in figure_keys(study)]


def _caption(study: Study, key: FigureKey) -> Caption:
    kind, environment, unit = key.kind, key.environment, ""
    if environment:
        unit = study.unit(environment).replace("env_", "environment ")
    value = "mean return over the whole training"
    if study.tradeoff:
        value = "updates to the threshold (its cap for a run that does not get there)"
    names = {"e": environment, "unit": unit, "value": value}
    text = TEXTS[kind].format(**names)
    chart = CHARTS.get(kind, TEXTS[kind]).format(**names)
    if study.sweeps_learning_rates and kind != "learning_rates":
        text += "; of several learning rates at one N, the best one"
    if kind == "improvement":
        text += _left_out(study)
    if kind == "gradients":
        text += _at_runs_of_their_own(study, environment)
    section = next(s for s, kinds in SECTIONS.items() if kind in kinds)
    return Caption(key.name, section, text, chart)


def _at_runs_of_their_own(study: Study, environment: str) -> str:
    """Which estimators are not measured at the same policies as the others."""
    cells = study.cells_of(environment)
    own = [c.estimator for c in cells if c.specification.estimator.remembers]
    if not own or len(own) == len(cells):
        return ""
    names = " and ".join(dict.fromkeys(own))
    return f"; {names} at the policies of a run of its own, not those of the others"


def _left_out(study: Study) -> str:
    """How many cells a matrix is without, if it is."""
    counts = {e: len(rivals(study.cells_of(e))) for e in study.environments}
    return "".join(
        f"; {environment}: the first {LARGEST_MATRIX} cells in the order of the config "
        f"are shown, {count - LARGEST_MATRIX} of {count} are left out"
        for environment, count in counts.items()
        if count > LARGEST_MATRIX
    )
