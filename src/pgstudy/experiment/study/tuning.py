"""Learning rates, chosen on seeds of their own before the runs that are reported.

The tuning is a study too: all listed learning rates on the seeds of `tune`. What it
chooses is written down and leaves one for each environment, estimator and N.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from pgstudy.experiment.study.cell import Cell
from pgstudy.experiment.study.study import Study

ENDING = "-tuning"
RULE = (
    "the learning rate with the highest mean learning curve (its area) on the tuning "
    "seeds; one at which fewer runs finished never wins; of equals the smaller"
)


def tuning_study(study: Study) -> Study:
    """The study that chooses, with a folder of its own below results/."""
    left_out = {"tune", "gradients", "published", "verify"}
    config = {k: v for k, v in study.config.items() if k not in left_out}
    if study.tradeoff:  # as without `tune` there would be no grid
        config["tradeoff"] = asdict(study.tradeoff)
    name = study.name + ENDING
    return replace(
        study,
        name=name,
        seeds=study.tune_seeds,
        tune_seeds=(),
        gradients=None,
        published=(),
        config=config | {"study": name, "seeds": list(study.tune_seeds)},
    )


@dataclass(frozen=True)
class Choice:
    """The learning rate that was chosen for an environment, estimator and N."""

    environment: str
    estimator: str
    n: int
    learning_rate: float

    @classmethod
    def of(cls, cell: Cell) -> Choice:
        """The choice that keeps a cell."""
        return cls(*cell.group, cell.learning_rate)


def restricted(study: Study, chosen: Iterable[Choice]) -> Study:
    """The study with the chosen learning rates alone."""
    choices = set(chosen)
    kept = tuple(cell for cell in study.cells if Choice.of(cell) in choices)
    return replace(study, cells=kept)
