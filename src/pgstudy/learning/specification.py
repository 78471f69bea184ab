"""What one REINFORCE training is: everything that decides its numbers but the seed.

This module imports neither torch nor gymnasium, so that planning a study of many runs
stays cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Credit = Literal["total", "to-go"]
Discounting = Literal["unbiased", "biased"]
Baseline = Literal[
    "none",
    "constant",
    "batch-mean",
    "leave-one-out",
    "per-step-mean",
    "running-mean",
    "learned",
]
# Left out of `to_dict` at these values: random streams are spawned from it, and an
# option added later must not change the numbers of runs that do not use it.
LATER_OPTIONS = {
    "initial_probabilities": None,
    "stop_when_truncated": False,
    "target": None,
    "trajectories_per_start": None,
    "length_division": False,
    "window": None,
    "decay": None,
    "adaptive": None,
    "wrappers": None,
    "network": None,
    "weights": None,
    "kwargs": None,
}

BudgetUnit = Literal["env_steps", "updates", "episodes"]
Activation = Literal["tanh", "relu"]
Init = Literal["default", "orthogonal"]


@dataclass(frozen=True)
class EnvironmentSpecification:
    """A registered Gymnasium environment; episodes are cut at `max_episode_steps`.

    `vectorize`: False steps a list of environments, True the vector environment that
    is registered with the id, "envpool" that of the library of this name.
    `module` is imported first, for ids that a user's own module registers. `wrappers`
    are put around it in order, each an `id`, as module:name, and its `kwargs`.
    """

    id: str
    kwargs: Mapping[str, Any]
    max_episode_steps: int
    vectorize: bool | Literal["envpool"] = False
    module: str | None = None
    wrappers: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class PolicySpecification:
    """Softmax over discrete actions, a diagonal Gaussian over continuous ones.

    `hidden` lists the widths of the hidden layers; empty means a linear policy.
    `initial_probabilities` is what the untrained softmax gives the actions in every
    state (None: near-equal). `log_std` is where the Gaussian's log standard deviations
    start. `network` is a user's own, or a built-in one for images, made with `kwargs`
    in place of the hidden layers; see `own_network`.
    """

    hidden: tuple[int, ...] = ()
    activation: Activation = "tanh"
    init: Init = "default"
    normalise_observations: bool = False
    initial_probabilities: tuple[float, ...] | None = None
    log_std: float = 0.0
    network: str | None = None
    kwargs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ValueSpecification:
    """A learned baseline v(s): its features, its network and its own learning rate.

    `update`: once per `batch`, or at each `step` of each trajectory in turn (Sutton &
    Barto 2018, p. 330).
    """

    learning_rate: float
    features: Literal["observation", "constant"] = "observation"
    hidden: tuple[int, ...] = ()
    update: Literal["batch", "step"] = "batch"


@dataclass(frozen=True)
class AdaptiveSpecification:
    """An N that follows the noise scale B of the gradient: about `ratio` B trajectories
    in the next update, in whole batches of N, `most` at most; see `adaptive`.
    """

    ratio: float
    most: int


@dataclass(frozen=True)
class EstimatorSpecification:
    """How the rewards of a batch weigh its score functions; see `estimators`.

    `constant` belongs to the baseline of that name, `value` to `learned`, `window` and
    `decay` to `running-mean`: how it forgets old batches (None: it does not).
    `weights` is a user's own function or class, with its `kwargs`, in place of all of
    these but gamma; see `own`. `entropy` is the coefficient of the entropy bonus.
    `trajectories_per_start` is G:
    the N trajectories are B = N / G groups, and those of a group begin in one start
    state (None: each in its own). `length_division` divides a trajectory's weights by
    its number of steps.
    """

    credit: Credit = "total"
    gamma: float = 1.0
    discounting: Discounting = "unbiased"
    baseline: Baseline = "none"
    constant: float | None = None
    value: ValueSpecification | None = None
    normalise: bool = False
    entropy: float = 0.0
    trajectories_per_start: int | None = None
    length_division: bool = False
    window: int | None = None
    decay: float | None = None
    adaptive: AdaptiveSpecification | None = None
    weights: str | None = None
    kwargs: Mapping[str, Any] | None = None

    @property
    def remembers(self) -> bool:
        """Whether something is carried from one batch to the next, or may be."""
        own = self.weights is not None
        return own or self.baseline in ("running-mean", "learned")

    @property
    def compares(self) -> bool:
        """Whether a trajectory's weights depend on the others of its batch, or may."""
        others = ("batch-mean", "leave-one-out", "per-step-mean")
        own = self.weights is not None
        return own or self.normalise or self.baseline in others


@dataclass(frozen=True)
class OptimizerSpecification:
    """`sgd` is theta <- theta + alpha grad J; `adam` is Kingma & Ba (2015).

    With the schedule `linear`, alpha falls linearly from `learning_rate` to 0 over the
    budget; with `constant` it stays.
    """

    name: Literal["sgd", "adam"]
    learning_rate: float
    schedule: Literal["constant", "linear"]


@dataclass(frozen=True)
class Budget:
    """A run goes on while fewer than `amount` units are spent; updates are whole."""

    unit: BudgetUnit
    amount: int


@dataclass(frozen=True)
class TargetSpecification:
    """A run ends where its policy's expected return has reached `threshold`.

    A test of so many fresh `episodes` says so; see `evaluation.Tests`.
    """

    threshold: float
    episodes: int


@dataclass(frozen=True)
class RunSpecification:
    """One cell of a study, made concrete: N trajectories per update and how to learn.

    With an estimator that adapts, N is the least, and each update has a multiple of it.
    `evaluation_episodes` fresh episodes are run with the untrained and with the final
    policy (0: none). With `stop_when_truncated` a truncated episode ends the run as
    stuck. With a `target` the run ends there, or when its budget is spent.
    """

    environment: EnvironmentSpecification
    n: int
    estimator: EstimatorSpecification
    policy: PolicySpecification
    optimizer: OptimizerSpecification
    budget: Budget
    evaluation_episodes: int
    stop_when_truncated: bool = False
    target: TargetSpecification | None = None

    def __post_init__(self) -> None:
        """Errors: ValueError, if the N trajectories are no whole groups, or if N is to
        adapt and is 1, or above what it may be.
        """
        size, adaptive = self.estimator.trajectories_per_start, self.estimator.adaptive
        if size is not None and (size < 1 or self.n % size):
            raise ValueError(f"{self.n} trajectories are no whole groups of {size}")
        if adaptive is not None and not 2 <= self.n <= adaptive.most:
            raise ValueError(
                f"N = {self.n} can't adapt: it is not 2 to {adaptive.most}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The specification as plain JSON types; `from_dict` is its inverse."""
        return asdict(self, dict_factory=_plain)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSpecification:
        """Build from `to_dict`'s output. Errors: KeyError, TypeError if it is not."""
        estimator = dict(data["estimator"])
        if estimator["value"] is not None:
            estimator["value"] = ValueSpecification(**_tuples(estimator["value"]))
        if (adaptive := estimator.get("adaptive")) is not None:
            estimator["adaptive"] = AdaptiveSpecification(**adaptive)
        target = data.get("target")
        return cls(
            environment=EnvironmentSpecification(**_tuples(data["environment"])),
            n=data["n"],
            estimator=EstimatorSpecification(**estimator),
            policy=PolicySpecification(**_tuples(data["policy"])),
            optimizer=OptimizerSpecification(**data["optimizer"]),
            budget=Budget(**data["budget"]),
            evaluation_episodes=data["evaluation_episodes"],
            stop_when_truncated=data.get("stop_when_truncated", False),
            target=target and TargetSpecification(**target),
        )


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    used = [(k, v) for k, v in items if k not in LATER_OPTIONS or v != LATER_OPTIONS[k]]
    return {k: list(v) if isinstance(v, tuple) else v for k, v in used}


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
