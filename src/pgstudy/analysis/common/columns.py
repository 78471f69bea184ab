"""The columns of every table, once: their order, what is text, and what they mean.

docs/tables.md is written from this (`pgstudy document`), files are read by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Column(NamedTuple):
    """type: of its values; any of them may be missing, which is an empty field."""

    name: str
    type: type[str] | type[int] | type[float]
    meaning: str


Schema = Sequence[Column]


def names(schema: Schema) -> list[str]:
    """The names of the columns, in the order of the file."""
    return [column.name for column in schema]


def of_type(schema: Schema, *types: type) -> list[str]:
    """The names of the columns of these types."""
    return [column.name for column in schema if column.type in types]


def _bounds(name: str, of: str = "") -> Schema:
    """The two ends of a 95 % interval."""
    of = f" of {of or name}"
    return (
        Column(f"{name}_low", float, f"lower end of the 95 % interval{of}"),
        Column(f"{name}_high", float, f"upper end of the 95 % interval{of}"),
    )


def _interval(of: str) -> Schema:
    """The same, of the one number that a table has."""
    return (
        Column("low", float, f"lower end of the 95 % interval of {of}"),
        Column("high", float, f"upper end of the 95 % interval of {of}"),
    )


def _with_bounds(name: str, meaning: str) -> Schema:
    return (Column(name, float, meaning), *_bounds(name))


ENVIRONMENT = Column("environment", str, "its name in the config, or its id")
ESTIMATOR = Column("estimator", str, "its name in the config")
N = Column("n", int, "N, trajectories per update")
LEARNING_RATE = Column("learning_rate", float, "at the start of training")
UNIT = Column("unit", str, "what curves run over: env_steps or episodes")
PLACE = (ENVIRONMENT, ESTIMATOR, N)

RUNS = (
    *PLACE,
    Column("seed", int, "of the run"),
    Column("status", str, "finished, diverged, stuck, failed, interrupted or missing"),
    Column("reason", str, "why, if it did not finish"),
    Column("key", str, "identity of the run; its folder and its tag in MLflow have it"),
    LEARNING_RATE,
    Column("env_steps", int, "environment steps of the training"),
    Column("updates", int, "gradient steps"),
    Column("episodes", int, "trajectories of the training"),
    Column("seconds", float, "of training"),
    Column("untrained_return", float, "mean return of episodes before any update"),
    Column("final_return", float, "mean return of the trajectories in the last tenth"),
    Column("evaluation_return", float, "mean return of fresh episodes after training"),
    Column("truncated_share", float, "share of all trajectories that were cut"),
    Column("final_truncated_share", float, "the same in the last tenth"),
    Column("ended", str, "when training ended, UTC"),
    Column("commit", str, "of the code that trained; + with local changes"),
    Column("threshold_at", float, "steps or episodes to the threshold; empty: never"),
    Column("area", float, "mean height of the learning curve"),
    Column(
        "equal_updates_return",
        float,
        "mean return in the last bin of the updates that all finished runs made",
    ),
)
SEEDS = (
    Column("bin_width", float, "of the bins, in the unit of the curves"),
    Column("0, 1, ...", float, "mean return in that bin; the rows are those of runs"),
)
_AGGREGATES = (
    Column("runs", int, "that reach so far, and are averaged"),
    Column("mean", float, "mean return over these runs"),
    Column("iqm", float, "interquartile mean over them"),
    *_interval("the mean"),
)
CURVES = (
    *PLACE,
    LEARNING_RATE,
    UNIT,
    Column("at", float, "middle of the bin, in that unit"),
    *_AGGREGATES,
)
UPDATES = (
    *PLACE,
    LEARNING_RATE,
    Column("update", float, "end of the bin, in updates"),
    Column("env_steps", float, "that so many updates took, mean over the runs"),
    *_AGGREGATES,
)
SUMMARY = (
    *PLACE,
    Column("runs", int, "that were asked for"),
    Column("finished", int, "of these"),
    Column("diverged", int, "of these"),
    Column("stuck", int, "of these"),
    Column("failed", int, "of these"),
    Column("interrupted", int, "of these"),
    Column("missing", int, "of these"),
    LEARNING_RATE,
    UNIT,
    Column("untrained_return", float, "mean over finished runs"),
    Column("final_return", float, "mean over finished runs"),
    *_bounds("final", "final_return"),
    Column("final_median", float, "median of the final returns"),
    *_with_bounds("final_iqm", "interquartile mean of the final returns"),
    *_with_bounds("area", "mean height of the learning curve, mean over runs"),
    Column("truncated_share", float, "of the trajectories in the last tenth"),
    Column("threshold", float, "return at which the environment counts as solved"),
    Column("reached_threshold", int, "runs that reached it"),
    *_with_bounds("median_threshold_at", "median time to it; inf: never"),
    *_with_bounds("mean_threshold_at", "mean time to it, each cut at threshold_cap"),
    Column("threshold_cap", float, "the time that all finished runs have"),
    Column("mean_updates", float, "mean over finished runs"),
    Column("mean_seconds", float, "mean over finished runs"),
)
_OVER_ENVIRONMENTS = (
    ESTIMATOR,
    N,
    Column("environments", int, "that have scores"),
    Column("runs", int, "in all of them"),
)
SCORES = (
    *_OVER_ENVIRONMENTS,
    Column("aggregate", str, "mean, median, iqm or optimality_gap"),
    Column("estimate", float, "of the scores: 0 is untrained, 1 the threshold"),
    *_interval("the estimate"),
)
PROFILES = (
    ENVIRONMENT,
    ESTIMATOR,
    N,
    Column("runs", int, "that have scores"),
    Column("score", float, "0 is untrained, 1 the threshold"),
    Column("share", float, "of runs above the score"),
    *_interval("the share"),
)
PAIRS = (
    ENVIRONMENT,
    Column("one_estimator", str, "of the first cell"),
    Column("one_n", int, "N of the first cell"),
    Column("two_estimator", str, "of the second cell"),
    Column("two_n", int, "N of the second cell"),
    Column("one_finished", int, "runs of the first cell"),
    Column("two_finished", int, "runs of the second cell"),
    Column("difference", float, "of mean final returns, two minus one"),
    *_interval("the difference"),
    Column("p", float, "of no difference, by Welch's t test"),
    Column("p_holm", float, "the same by Holm over the pairs of the environment"),
    *_with_bounds("improvement", "P(a run of two ends above one of one)"),
    Column("improvement_p", float, "of 0.5, by the exact rank test"),
)
ADEQUACY = (
    *PLACE,
    Column("finished", int, "runs"),
    Column("seeds", int, "had only so many been run"),
    Column("width", float, "of the 95 % interval of the mean final return, then"),
)
GRADIENTS = (
    ENVIRONMENT,
    Column("at", str, "start, middle or end of the run's training"),
    Column("policy", str, "the run whose policy was held still"),
    Column("reference", str, "what grad J is: exact, or of so many trajectories"),
    Column("gradient_norm", float, "|grad J|; 0 where noise hides it"),
    ESTIMATOR,
    Column(
        "n",
        float,
        "N, trajectories per estimate; empty in the rows of slopes and of sources",
    ),
    Column("batches", float, "estimates, each from N trajectories"),
    Column("env_steps", float, "environment steps of one estimate, mean"),
    *_with_bounds("variance", "trace of the covariance of the estimate"),
    *_with_bounds(
        "variance_ratio",
        "variance over the first estimator's, paired where groups have one size",
    ),
    Column("bias", float, "|mean estimate - grad J|"),
    Column("bias_by_chance", float, "what noise alone would put there"),
    *_with_bounds("along", "the mean's part along grad J, over |grad J|; unbiased: 1"),
    Column("across", float, "its part at right angles to that, over |grad J|"),
    Column("across_by_chance", float, "what noise alone would put there"),
    Column("across_df", float, "degrees of freedom of that noise"),
    *_with_bounds("cosine", "mean cosine of an estimate to grad J"),
    Column("signal_to_noise", float, "|grad J| over the root of the variance"),
    *_with_bounds("noise_scale", "N variance / |grad J|^2"),
    Column("zero_share", float, "of the estimates, those that are 0"),
    Column("variance_x_cost", float, "variance times env_steps"),
    *_with_bounds("slope", "of log variance on log N; a row for each estimator"),
    *_with_bounds(
        "between_starts",
        "part of one trajectory's variance: of the mean given the start state",
    ),
    *_with_bounds("within_start", "the other part: variance given the start state"),
    *_with_bounds("of_steps", "of within_start: the sum over steps of their own"),
    *_with_bounds("of_pairs", "of within_start: the rest, covariances between steps"),
)
POINTS = (
    *PLACE,
    LEARNING_RATE,
    Column("runs", int, "that have ended"),
    Column("arrived", int, "of these, at the threshold"),
    Column("cap", int, "updates at which a run is given up"),
    *_with_bounds(
        "updates", "S, mean updates to the threshold, fitted at this N alone"
    ),
    *_with_bounds("trajectories", "E = N S; where N adapts, those that the runs had"),
    Column("law_updates", float, "S by the law; empty where N adapts"),
    Column("law_trajectories", float, "E by the law; likewise"),
    Column("threshold", float, "return at which runs end"),
    *_with_bounds("end_return", "return of fresh episodes of the runs that arrived"),
    Column("edge", str, "smallest or largest: the learning rate is an end of its grid"),
)
LAWS = (
    ENVIRONMENT,
    ESTIMATOR,
    Column("points", int, "values of N"),
    Column("runs", int, "in all of them"),
    Column("arrived", int, "of these, at the threshold"),
    *_with_bounds(
        "s_min", "S_min, updates at the largest N; 0 where they do not stop falling"
    ),
    *_with_bounds("e_min", "E_min, trajectories at the smallest N"),
    *_with_bounds("critical_n", "E_min / S_min, infinite where S_min is 0"),
    Column("fit_p", float, "of the law against free means, by the likelihood ratio"),
    Column("noise_start", float, "gradient noise scale of the untrained policy"),
    Column("noise_end", float, "the same at the threshold"),
    *_with_bounds("predicted_n", "geometric mean of both: the predicted critical N"),
    Column("predicted_ratio", float, "predicted over fitted critical N"),
)
CLAIMS = (
    ENVIRONMENT,
    Column("question", str, "the same for all environments and estimators"),
    Column("claim", str, "one sentence"),
    Column("quantity", str, "the number that speaks for or against it"),
    Column("estimate", float, "its value"),
    *_interval("the estimate"),
    Column("p", float, "two-sided; empty: not tested"),
    Column("p_holm", float, "the same by Holm over all claims of the study"),
    Column("verdict", str, "holds, does not hold, or why neither"),
    Column("note", str, "for the reader"),
    Column("figure", str, "where to see it"),
)
ACCEPTANCE = (
    Column("item", str, "of the source, such as a figure"),
    Column("page", int, "of the source"),
    Column("id", str, "of the check"),
    Column("kind", str, "published (printed in the source) or reference"),
    Column("cell", str, "of the study, or exact"),
    Column("quantity", str, "what is compared"),
    Column("value", float, "theirs"),
    Column("below", float, "or a bound, where that is all they give"),
    Column("tolerance", float, "largest distance that passes"),
    Column("why", str, "the tolerance is what it is"),
    Column("ours", float, "mean over the runs that finished, or exact"),
    *_interval("ours"),
    Column("runs", int, "that were asked for"),
    Column("finished", int, "of these"),
    Column("stuck", int, "of these"),
    Column("verdict", str, "pass or fail"),
    Column("reason", str, "why it fails"),
)
PROOFS = (
    ESTIMATOR,
    Column(
        "problem", str, "bandit, corridor or random MDP; analysis/proofs/problems.py"
    ),
    Column("n", int, "N, or the trajectories of a group where there are groups"),
    Column("size", float, "part of the mean estimate along grad J, over |grad J|"),
    Column("angle", float, "of the mean to grad J, in degrees; empty: the mean is 0"),
    Column("variance_ratio", float, "variance over that of total-return at this N"),
    Column("reason", str, "why there is no such estimate at this N"),
    Column("verdict", str, "what all rows of the estimator say"),
)

# By the file's name without its ending, below tables/ and beside it.
TABLES = {
    "runs": RUNS,
    "seeds": SEEDS,
    "curves": CURVES,
    "updates": UPDATES,
    "summary": SUMMARY,
}
AGGREGATES = {
    "scores": SCORES,
    "profiles": PROFILES,
    "pairs": PAIRS,
    "adequacy": ADEQUACY,
}
TRADEOFFS = {"points": POINTS, "laws": LAWS}
SCHEMAS: dict[str, Schema] = {
    **TABLES,
    **AGGREGATES,
    "gradients": GRADIENTS,
    **TRADEOFFS,
    "claims": CLAIMS,
    "acceptance": ACCEPTANCE,
    "proofs": PROOFS,
}
